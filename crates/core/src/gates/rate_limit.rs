//! A rate limit as a token bucket: so many calls a period, and a little burst. Pure; the caller brings the time.

use std::time::{Duration, Instant};

/// One bucket. It is kept as the time at which it would be full again (the generic cell rate algorithm), so it needs
/// no timer and never drifts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateLimit {
    /// Time in which one token grows back.
    interval: Duration,
    /// How far ahead of now `full_at` may lie after a take: `burst` tokens' worth.
    depth: Duration,
    full_at: Option<Instant>,
}

impl RateLimit {
    /// At most `calls` a minute, with a burst of a tenth of them, so that no window of 60 seconds, wherever it
    /// starts, sees more than 1.1 times the limit. Zero counts as one.
    pub fn per_minute(calls: u32) -> Self {
        Self::new(calls, Duration::from_secs(60), calls.div_ceil(10))
    }

    /// The share of one of so many replicas in [`RateLimit::per_minute`]; together they keep the limit.
    pub fn share_per_minute(calls: u32, replicas: u32) -> Self {
        let replicas = replicas.max(1);
        Self::new(calls, Duration::from_secs(60) * replicas, calls / 10 / replicas)
    }

    /// At most `calls` a second on average, and at most that many at once. Zero counts as one.
    pub fn per_second(calls: u32) -> Self {
        Self::new(calls, Duration::from_secs(1), calls)
    }

    fn new(calls: u32, period: Duration, burst: u32) -> Self {
        let calls = u64::from(calls.max(1));
        // Rounded up, so that the limit is never exceeded by a fraction of a nanosecond.
        let nanos = u64::try_from(period.as_nanos()).unwrap_or(u64::MAX).div_ceil(calls);
        let interval = Duration::from_nanos(nanos);
        Self { interval, depth: interval.saturating_mul(burst.max(1)), full_at: None }
    }

    /// Takes one token.
    ///
    /// # Errors
    /// When there is none, the time until there is one; nothing is taken then.
    pub fn take(&mut self, now: Instant) -> Result<(), Duration> {
        let full_at = self.full_at.map_or(now, |at| at.max(now)) + self.interval;
        let ahead = full_at - now;
        if ahead > self.depth {
            return Err(ahead - self.depth);
        }
        self.full_at = Some(full_at);
        Ok(())
    }

    /// Puts back a token that was taken for a call that was then not made.
    pub fn give_back(&mut self) {
        self.full_at = self.full_at.and_then(|at| at.checked_sub(self.interval));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_burst_and_then_the_pace() {
        let start = Instant::now();
        let mut limit = RateLimit::per_second(2);
        assert_eq!(limit.take(start), Ok(()));
        assert_eq!(limit.take(start), Ok(()));
        assert_eq!(limit.take(start), Err(Duration::from_millis(500)));
        assert_eq!(limit.take(start + Duration::from_millis(499)), Err(Duration::from_millis(1)));
        assert_eq!(limit.take(start + Duration::from_millis(500)), Ok(()));
        assert_eq!(limit.take(start + Duration::from_millis(500)), Err(Duration::from_millis(500)));
    }

    #[test]
    fn a_token_given_back_can_be_taken_again() {
        let start = Instant::now();
        let mut limit = RateLimit::per_minute(1);
        assert_eq!(limit.take(start), Ok(()));
        limit.give_back();
        assert_eq!(limit.take(start), Ok(()));
        assert!(limit.take(start).is_err());
    }

    #[test]
    fn sixty_a_minute_never_exceeds_sixty_six_in_any_minute() {
        let start = Instant::now();
        let mut limit = RateLimit::per_minute(60);
        let taken: Vec<u64> = (0..600_000)
            .step_by(50)
            .filter(|ms| limit.take(start + Duration::from_millis(*ms)).is_ok())
            .collect();
        for first in &taken {
            let window = taken.iter().filter(|at| (*first..first + 60_000).contains(at)).count();
            assert!(window <= 66, "{window} from {first} ms on");
        }
        assert!(taken.len() >= 600, "the limit itself is reached: {}", taken.len());
    }

    proptest! {
        #[test]
        fn the_wait_it_names_is_right_and_the_pace_is_kept(
            calls in 0_u32..2000,
            by_second in any::<bool>(),
            steps in prop::collection::vec(0_u64..2_000_000_000, 1..200),
        ) {
            let mut limit = if by_second { RateLimit::per_second(calls) } else { RateLimit::per_minute(calls) };
            let (interval, depth) = (limit.interval, limit.depth);
            let start = Instant::now();
            let mut now = start;
            let mut taken = 0_u32;
            for step in steps {
                now += Duration::from_nanos(step);
                match limit.take(now) {
                    Ok(()) => taken += 1,
                    Err(wait) => {
                        prop_assert!(wait > Duration::ZERO);
                        prop_assert!(limit.clone().take(now + wait - Duration::from_nanos(1)).is_err());
                        prop_assert!(limit.clone().take(now + wait).is_ok());
                    }
                }
                prop_assert!(interval * taken <= depth + (now - start));
            }
        }
    }
}
