//! A clock that stands still until a test moves it.

use std::time::{Duration, Instant};

use callbacks_core::clock::Clock;
use parking_lot::Mutex;
use time::OffsetDateTime;

/// Time by hand: the wall clock and the monotonic clock move together.
#[derive(Debug)]
pub struct ManualClock {
    started: Instant,
    start: OffsetDateTime,
    elapsed: Mutex<Duration>,
}

impl ManualClock {
    /// A clock that shows `start`.
    pub fn starting_at(start: OffsetDateTime) -> Self {
        Self { started: Instant::now(), start, elapsed: Mutex::new(Duration::ZERO) }
    }

    /// Moves both clocks forward.
    pub fn advance(&self, by: Duration) {
        *self.elapsed.lock() += by;
    }
}

impl Default for ManualClock {
    /// Starts at 2026-01-01T00:00:00Z.
    fn default() -> Self {
        Self::starting_at(time::macros::datetime!(2026-01-01 00:00:00 UTC))
    }
}

impl Clock for ManualClock {
    fn now(&self) -> OffsetDateTime {
        self.start + *self.elapsed.lock()
    }

    fn monotonic(&self) -> Instant {
        self.started + *self.elapsed.lock()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_clocks_move_together() {
        let clock = ManualClock::default();
        let (now, monotonic) = (clock.now(), clock.monotonic());
        assert_eq!(clock.now(), now);
        clock.advance(Duration::from_secs(90));
        assert_eq!(clock.now() - now, Duration::from_secs(90));
        assert_eq!(clock.monotonic() - monotonic, Duration::from_secs(90));
    }
}
