//! When an open loop's requests are due, however late the answers come.
//!
//! The schedule is fixed before the first request: request `n` is due at `start + n / rate`, and its latency counts
//! from then even when every connection was still busy (no coordinated omission).

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

/// The shortest sleep of the pacing thread: at high rates it releases a few requests at once rather than spin.
const TICK: Duration = Duration::from_micros(200);

/// How a load is paced.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Pace {
    /// Each connection sends its next request when it has read the last answer.
    Closed,
    /// Requests a second, whatever the answers do.
    Open(f64),
}

/// Hands out permission to send, one request at a time.
#[derive(Clone)]
pub(crate) struct Pacer {
    due: Option<(Arc<Semaphore>, Instant, f64)>,
}

impl Pacer {
    /// A pacer whose schedule starts now.
    pub(crate) fn start(pace: Pace) -> Result<Self, std::io::Error> {
        let Pace::Open(rate) = pace else {
            return Ok(Self { due: None });
        };
        let (permits, start) = (Arc::new(Semaphore::new(0)), Instant::now());
        let released = Arc::clone(&permits);
        // A thread of its own: the async runtime's timer has a resolution of a millisecond.
        std::thread::Builder::new()
            .name("pacer".to_owned())
            .spawn(move || release(&released, start, rate))?;
        Ok(Self { due: Some((permits, start, rate)) })
    }

    /// Waits until a request may be sent; `false` when the load is over.
    pub(crate) async fn permit(&self) -> bool {
        let Some((permits, ..)) = &self.due else {
            return true;
        };
        match permits.acquire().await {
            Ok(permit) => {
                permit.forget();
                true
            }
            Err(_closed) => false,
        }
    }

    /// When request `number` was due; a closed loop has no schedule, its requests are due when they are sent.
    pub(crate) fn due_at(&self, number: usize) -> Instant {
        match &self.due {
            None => Instant::now(),
            Some((_, start, rate)) => *start + Duration::from_secs_f64(number as f64 / rate),
        }
    }

    /// Ends the schedule: everyone who waits is told that it is over.
    pub(crate) fn stop(&self) {
        if let Some((permits, ..)) = &self.due {
            permits.close();
        }
    }
}

fn release(permits: &Semaphore, start: Instant, rate: f64) {
    let mut released = 0_usize;
    while !permits.is_closed() {
        let due = (start.elapsed().as_secs_f64() * rate) as usize + 1;
        permits.add_permits(due - released);
        released = due;
        let next = start + Duration::from_secs_f64(released as f64 / rate);
        std::thread::sleep(next.saturating_duration_since(Instant::now()).max(TICK));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_open_loop_releases_at_its_rate_and_ends_when_stopped() {
        let pacer = Pacer::start(Pace::Open(1000.0)).expect("a thread starts");
        let start = Instant::now();
        for _ in 0..50 {
            assert!(pacer.permit().await);
        }
        assert!(start.elapsed() >= Duration::from_millis(48), "{:?}", start.elapsed());
        pacer.stop();
        assert!(!pacer.permit().await);
    }
}
