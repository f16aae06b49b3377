//! How often each of many callers may ask.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::gates::rate_limit::RateLimit;

/// Most callers that are told apart; beyond it counting begins anew, which gives each at most one burst more.
const CALLERS_MAX: usize = 10_000;

/// One rate limit a caller, in bounded memory.
#[derive(Debug)]
pub(super) struct Paces {
    requests_per_second: Option<u32>,
    paces: Mutex<HashMap<Arc<str>, RateLimit>>,
}

impl Paces {
    pub(super) fn new(requests_per_second: Option<u32>) -> Self {
        Self { requests_per_second, paces: Mutex::default() }
    }

    /// Lets one request of a caller through.
    ///
    /// # Errors
    /// When it comes too early, how much.
    pub(super) fn take(&self, caller: &Arc<str>, now: Instant) -> Result<(), Duration> {
        let Some(calls) = self.requests_per_second else { return Ok(()) };
        let mut paces = self.paces.lock();
        if let Some(pace) = paces.get_mut(caller) {
            return pace.take(now);
        }
        if paces.len() >= CALLERS_MAX {
            paces.clear();
        }
        paces.entry(Arc::clone(caller)).or_insert_with(|| RateLimit::per_second(calls)).take(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_caller_has_its_own_and_memory_is_bounded() {
        let (paces, now) = (Paces::new(Some(1)), Instant::now());
        let caller = |number: usize| Arc::from(format!("jwt:{number}"));
        assert_eq!(paces.take(&caller(0), now), Ok(()));
        assert!(paces.take(&caller(0), now).is_err());
        for number in 1..CALLERS_MAX * 2 {
            assert_eq!(paces.take(&caller(number), now), Ok(()));
        }
        assert!(paces.paces.lock().len() <= CALLERS_MAX);
    }
}
