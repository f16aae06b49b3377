//! Why an event was not accepted. Nothing of it is stored then, and the producer may send it again.

use std::time::Duration;

/// Why an event was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IntakeError {
    /// The database is away, or the service is shutting down.
    #[error("events cannot be stored right now; send it again in {} s", retry_after.as_secs())]
    Unavailable {
        /// When to try again.
        retry_after: Duration,
    },
    /// More requests wait than the service holds.
    #[error("too many events are waiting to be stored; send it again in {} s", retry_after.as_secs())]
    Overloaded {
        /// When to try again.
        retry_after: Duration,
    },
    /// The database refused this event for what it holds: a defect of this service, logged with its cause.
    #[error("the event could not be stored")]
    Refused,
}

impl IntakeError {
    /// The database is away.
    pub(crate) fn unavailable() -> Self {
        Self::Unavailable { retry_after: Duration::from_secs(1) }
    }
}
