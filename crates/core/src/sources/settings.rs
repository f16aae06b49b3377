//! How much is taken from sources at a time, and how patiently.

use std::time::Duration;

use super::event_source::Appetite;

/// Bounds of every pump.
#[derive(Debug, Clone)]
pub struct PumpSettings {
    /// Messages of one batch and octets after which it is full.
    pub appetite: Appetite,
    /// Batches of one consumer being stored at a time.
    pub batches_in_flight: usize,
    /// Largest value of a message; larger ones go to quarantine.
    pub max_payload: usize,
    /// Octets of a value that quarantine keeps.
    pub quarantined_payload: usize,
    /// How long a stopping consumer waits for what is being stored.
    pub drain: Duration,
    /// The first pause after a source failed; it doubles up to `longest_pause`.
    pub first_pause: Duration,
    /// The longest one. Consumers must be back within ten seconds of their broker.
    pub longest_pause: Duration,
}

impl Default for PumpSettings {
    fn default() -> Self {
        Self {
            appetite: Appetite { messages: 500, octets: 4 * 1024 * 1024 },
            batches_in_flight: 4,
            max_payload: 8 * 1024 * 1024,
            quarantined_payload: 1024 * 1024,
            drain: Duration::from_secs(5),
            first_pause: Duration::from_millis(250),
            longest_pause: Duration::from_secs(4),
        }
    }
}

/// What the supervisor does beside.
#[derive(Debug, Clone, Default)]
pub struct SupervisorSettings {
    /// Bounds of every pump.
    pub pump: PumpSettings,
    /// Reads the outbox of the service's own database, without a subscription.
    pub own_outbox: OwnOutbox,
}

/// Whether the outbox of the service's own database is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OwnOutbox {
    /// Yes, for all tenants.
    #[default]
    Read,
    /// No: another deployment does, or nobody publishes there.
    Leave,
}
