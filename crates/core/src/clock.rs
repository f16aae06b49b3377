//! Time as a value that is handed in: decisions never read a clock of their own.

use std::time::Instant;

use time::OffsetDateTime;

/// Where the engine gets the time from. A second implementation exists for tests, which move time by hand.
pub trait Clock: Send + Sync + 'static {
    /// Wall-clock time in UTC; for what is shown or signed, never for measuring how long something took.
    fn now(&self) -> OffsetDateTime;

    /// A reading that never goes back; for deadlines, breakers and rate limits.
    fn monotonic(&self) -> Instant;
}

/// The clock of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that asks the machine")]
    fn now(&self) -> OffsetDateTime {
        OffsetDateTime::now_utc()
    }

    fn monotonic(&self) -> Instant {
        Instant::now()
    }
}
