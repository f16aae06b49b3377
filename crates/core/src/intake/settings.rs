//! How events are gathered into transactions.

use std::time::Duration;

use callbacks_interfaces::event_type_entry::EventTypeEnforcement;

/// Bounds of the intake.
#[derive(Debug, Clone)]
pub struct IntakeSettings {
    /// Events stored in one transaction.
    pub batch: usize,
    /// Transactions under way at once. Two keep the database busy while one waits for its commit.
    pub flushers: usize,
    /// Requests that may wait for a transaction; beyond it callers are told to come back.
    pub queue: usize,
    /// How long an event may wait for room in a lane that moves before it goes to the queue table instead.
    pub patience: Duration,
    /// What is done with events that are not as the catalogue says, where a tenant has not chosen itself.
    pub event_types: EventTypeEnforcement,
    /// How often an event may have been passed on (`X-Callbacks-Hops`).
    pub max_hops: u16,
    /// As `patience`, for events a broker or an outbox keeps until they are stored: nobody waits for an answer there, and what goes to
    /// the queue table instead costs the database several times as much.
    pub source_patience: Duration,
}

impl Default for IntakeSettings {
    fn default() -> Self {
        Self {
            batch: 500,
            flushers: 2,
            queue: 4096,
            patience: Duration::from_millis(200),
            event_types: EventTypeEnforcement::Off,
            max_hops: 8,
            source_patience: Duration::from_secs(1),
        }
    }
}
