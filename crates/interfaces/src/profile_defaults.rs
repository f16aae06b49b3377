//! The numbers a configuration takes from its wire profile when its body leaves them out.

use crate::wire_profile::WireProfile;

/// What an omitted field means under a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProfileDefaults {
    /// Retries after the first attempt.
    pub max_retries: i32,
    /// The delay the profile's retry policy begins with, in milliseconds.
    pub retry_delay_ms: i32,
    /// Deadline of one attempt, in milliseconds.
    pub timeout_ms: i32,
}

impl ProfileDefaults {
    /// The defaults under a profile: the contract's, or those of the system it stands in for.
    #[must_use]
    pub const fn of(profile: WireProfile) -> Self {
        match profile {
            WireProfile::Firefly | WireProfile::CloudEvents | WireProfile::Custom => {
                Self { max_retries: 3, retry_delay_ms: 1000, timeout_ms: 30_000 }
            }
            // `max_attempts` 5, `backoff_ms` 5000.
            WireProfile::Pyfly => Self { max_retries: 4, retry_delay_ms: 5000, timeout_ms: 10_000 },
            // The job queue's `max_attempts` 5, `backoff_seconds` 60.
            WireProfile::SvcInfra => Self { max_retries: 4, retry_delay_ms: 60_000, timeout_ms: 10_000 },
            // `MAX_ATTEMPTS` 6.
            WireProfile::Dealix => Self { max_retries: 5, retry_delay_ms: 1000, timeout_ms: 10_000 },
            // `max_tries` 12, of which `max_time` 3m leaves nine.
            WireProfile::Servo => Self { max_retries: 8, retry_delay_ms: 1000, timeout_ms: 10_000 },
            // The specification's example schedule: ten attempts over three days.
            WireProfile::StandardWebhooks => {
                Self { max_retries: 9, retry_delay_ms: 5000, timeout_ms: 10_000 }
            }
        }
    }
}
