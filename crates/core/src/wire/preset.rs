//! How the systems behind the profiles retry, where a configuration does not say how it wants it. How often they try and
//! how long they wait for an answer are defaults of the configuration's own fields (`ProfileDefaults`).

use std::time::Duration;

use callbacks_interfaces::circuit_breaker_policy::CircuitBreakerPolicy;
use callbacks_interfaces::retry_policy::{DELAY_MS_MAX, RetryPolicy};
use callbacks_interfaces::wire_profile::WireProfile;

/// pyfly's longest delay.
const PYFLY_MAX_DELAY_MS: u64 = 300_000;
/// Dealix's schedule after the first, immediate attempt.
const DEALIX_DELAYS_MS: [u64; 5] = [30_000, 300_000, 1_800_000, 21_600_000, 86_400_000];
/// servo-webhooks' `max_time`.
const SERVO_MAX_TIME: Duration = Duration::from_secs(180);
/// The schedule the Standard Webhooks specification gives as an example, after the first attempt.
const STANDARD_DELAYS_MS: [u64; 9] =
    [5_000, 300_000, 1_800_000, 7_200_000, 18_000_000, 36_000_000, 50_400_000, 72_000_000, 86_400_000];

/// The retry policy of a profile's system; `None` for profiles that follow the contract's two fields alone. Those fields
/// still give the first delay and its growth where the system had such settings.
#[must_use]
pub fn retry_policy(profile: WireProfile, retry_delay_ms: i32, multiplier: f64) -> Option<RetryPolicy> {
    let first = u64::try_from(retry_delay_ms).unwrap_or(0);
    match profile {
        WireProfile::Firefly | WireProfile::CloudEvents | WireProfile::Custom => None,
        WireProfile::Pyfly => Some(RetryPolicy::firefly(retry_delay_ms, multiplier, PYFLY_MAX_DELAY_MS)),
        WireProfile::SvcInfra => Some(RetryPolicy::linear(first)),
        WireProfile::Dealix => Some(RetryPolicy::schedule(&DEALIX_DELAYS_MS)),
        WireProfile::Servo => {
            let longest = u64::try_from(SERVO_MAX_TIME.as_millis()).unwrap_or(DELAY_MS_MAX);
            Some(RetryPolicy::firefly(retry_delay_ms, multiplier, DELAY_MS_MAX).within(longest))
        }
        WireProfile::StandardWebhooks => Some(RetryPolicy::schedule(&STANDARD_DELAYS_MS)),
    }
}

/// The circuit breaker of a profile's system; `None` for the service's own.
#[must_use]
pub fn circuit_breaker(profile: WireProfile) -> Option<CircuitBreakerPolicy> {
    (profile == WireProfile::Pyfly).then(CircuitBreakerPolicy::consecutive)
}

/// Whether an open breaker fails attempts instead of postponing them, as pyfly's does.
#[must_use]
pub fn open_breaker_burns_attempts(profile: WireProfile) -> bool {
    profile == WireProfile::Pyfly
}

/// Which 2xx answers count as success.
#[must_use]
pub fn is_success(profile: WireProfile, status: u16) -> bool {
    match profile {
        // The list of servo-webhooks.
        WireProfile::Servo => matches!(status, 200 | 201 | 202 | 204 | 208),
        _ => (200..300).contains(&status),
    }
}

#[cfg(test)]
mod tests {
    use callbacks_interfaces::profile_defaults::ProfileDefaults;
    use serde_json::Value;

    use super::*;
    use crate::backoff::next_attempt;

    /// The delays of a profile in seconds, until it gives up.
    fn delays(profile: WireProfile) -> Vec<u64> {
        let defaults = ProfileDefaults::of(profile);
        let policy = retry_policy(profile, defaults.retry_delay_ms, 2.0).expect("a policy of its own");
        let attempts = u16::try_from(defaults.max_retries).expect("small") + 1;
        let mut elapsed = Duration::ZERO;
        (1..)
            .map_while(|attempt| {
                let wait = next_attempt(&policy, attempt, attempts, elapsed, 0.0)?;
                elapsed += wait;
                Some(wait.as_secs())
            })
            .collect()
    }

    #[test]
    fn delays_are_the_originals() {
        let vectors: Value =
            serde_json::from_str(include_str!("../../tests/vectors/retry.json")).expect("valid JSON");
        let all = &vectors["delays"];
        assert_eq!(delays(WireProfile::Pyfly), [5, 10, 20, 40]);
        assert_eq!(all["pyfly"]["vectors"][0]["delays_ms"], serde_json::json!([5000, 10000, 20000, 40000]));
        assert_eq!(delays(WireProfile::SvcInfra), [60, 120, 180, 240]);
        assert_eq!(delays(WireProfile::Dealix), [30, 300, 1800, 21_600, 86_400]);
        assert_eq!(delays(WireProfile::Servo), [1, 2, 4, 8, 16, 32, 64, 53]);
        let spec = &all["standard_webhooks_spec"]["delays_seconds"];
        let ours: Vec<u64> = std::iter::once(0).chain(delays(WireProfile::StandardWebhooks)).collect();
        assert_eq!(*spec, serde_json::json!(ours));
    }

    #[test]
    fn only_servo_is_strict_about_success() {
        for status in 0..=999 {
            assert_eq!(is_success(WireProfile::Firefly, status), (200..300).contains(&status));
        }
        assert!(is_success(WireProfile::Servo, 208));
        assert!(!is_success(WireProfile::Servo, 203));
        assert!(!is_success(WireProfile::Servo, 206));
    }
}
