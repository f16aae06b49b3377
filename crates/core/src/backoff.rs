//! How long to wait before the next attempt. Pure: randomness and elapsed time are handed in.

use std::time::Duration;

use callbacks_interfaces::retry_policy::{RetryKind, RetryPolicy};

/// Decides whether there is another attempt after attempt number `failed_attempt` (from 1) failed, and how long to
/// wait for it.
///
/// `max_attempts` counts all attempts, the first included. `elapsed` is the time since the first attempt began: the
/// last delay is shortened so that no attempt begins after the policy's `maxElapsed`. `jitter_unit` is from `0.0..1.0`.
pub fn next_attempt(
    policy: &RetryPolicy,
    failed_attempt: u16,
    max_attempts: u16,
    elapsed: Duration,
    jitter_unit: f64,
) -> Option<Duration> {
    if failed_attempt >= max_attempts {
        return None;
    }
    let wait = delay(policy, failed_attempt, jitter_unit);
    match policy.max_elapsed_ms.map(Duration::from_millis) {
        None => Some(wait),
        Some(limit) => limit.checked_sub(elapsed).filter(|left| !left.is_zero()).map(|left| wait.min(left)),
    }
}

/// The delay the policy names after attempt number `failed_attempt` (from 1) failed, whether or not it was the last.
pub fn delay(policy: &RetryPolicy, failed_attempt: u16, jitter_unit: f64) -> Duration {
    let nth = u64::from(failed_attempt.max(1));
    match &policy.kind {
        RetryKind::Exponential { initial_delay_ms, multiplier, max_delay_ms, jitter } => {
            let growth = Growth { first: *initial_delay_ms, multiplier: *multiplier, longest: *max_delay_ms };
            jittered(&growth, failed_attempt, *jitter, jitter_unit)
        }
        RetryKind::Linear { delay_ms } => Duration::from_millis(delay_ms.saturating_mul(nth)),
        RetryKind::Schedule { delays_ms } => {
            let position = usize::from(failed_attempt.max(1)) - 1;
            Duration::from_millis(delays_ms.get(position).or(delays_ms.last()).copied().unwrap_or(0))
        }
    }
}

/// An exponential policy's delays, in milliseconds.
struct Growth {
    first: u64,
    multiplier: f64,
    longest: u64,
}

impl Growth {
    fn after(&self, failed_attempt: u16) -> f64 {
        let exponent = i32::from(failed_attempt.max(1)) - 1;
        let grown = self.first as f64 * self.multiplier.max(1.0).powi(exponent);
        // Infinite when it overflows, and not a number for 0 · ∞; both comparisons below handle that.
        if self.first == 0 { 0.0 } else { grown.min(self.longest as f64) }
    }
}

/// Spreads a delay evenly over ± `jitter` of itself, never below the first delay and never above the longest (the
/// rule of reactor's `RetryBackoffSpec`, which Firefly users know).
fn jittered(growth: &Growth, failed_attempt: u16, jitter: f64, unit: f64) -> Duration {
    let base = growth.after(failed_attempt);
    let spread = base * jitter.clamp(0.0, 1.0);
    let lowest = (base - spread).max(growth.after(1).min(base));
    let highest = (base + spread).min(growth.longest as f64).max(lowest);
    let millis = lowest + (highest - lowest) * unit.clamp(0.0, 1.0);
    Duration::try_from_secs_f64(millis / 1000.0)
        .unwrap_or(Duration::MAX)
        .min(Duration::from_millis(growth.longest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn policy(json: Value) -> RetryPolicy {
        serde_json::from_value(json).expect("a valid policy")
    }

    fn vectors(name: &str) -> Vec<Value> {
        let all: Value =
            serde_json::from_str(include_str!("../tests/vectors/retry.json")).expect("valid JSON");
        all["delays"][name]["vectors"].as_array().expect("a list").clone()
    }

    /// Delays in milliseconds until the policy gives up, attempts taking no time themselves.
    fn delays(policy: &RetryPolicy, max_attempts: u16) -> Vec<u64> {
        let mut elapsed = Duration::ZERO;
        (1..)
            .map_while(|attempt| {
                let wait = next_attempt(policy, attempt, max_attempts, elapsed, 0.5)?;
                elapsed += wait;
                Some(u64::try_from(wait.as_millis()).expect("not that long"))
            })
            .collect()
    }

    fn numbers(value: &Value, scale: f64) -> Vec<u64> {
        value
            .as_array()
            .expect("a list")
            .iter()
            .map(|n| (n.as_f64().expect("a number") * scale) as u64)
            .collect()
    }

    fn count(value: &Value) -> u16 {
        value.as_u64().and_then(|n| u16::try_from(n).ok()).unwrap_or(u16::MAX)
    }

    #[test]
    fn firefly_documented_delays() {
        for case in vectors("firefly_documented") {
            let first = i32::try_from(case["retryDelayMs"].as_i64().expect("ms")).expect("fits");
            let multiplier = case["retryBackoffMultiplier"].as_f64().expect("a number");
            let policy = RetryPolicy::firefly(first, multiplier, case["cap_ms"].as_u64().expect("ms"));
            assert_eq!(
                delays(&policy, count(&case["total_attempts"])),
                numbers(&case["delays_ms"], 1.0),
                "{case}"
            );
        }
    }

    #[test]
    fn pyfly_delays() {
        for case in vectors("pyfly") {
            let policy =
                policy(json!({"type": "EXPONENTIAL", "initialDelayMs": case["backoff_ms"], "multiplier": 2,
                                       "maxDelayMs": 300_000}));
            assert_eq!(
                delays(&policy, count(&case["max_attempts"])),
                numbers(&case["delays_ms"], 1.0),
                "{case}"
            );
        }
    }

    #[test]
    fn firefly_rust_delays() {
        for case in vectors("firefly_rust") {
            let policy = policy(
                json!({"type": "EXPONENTIAL", "initialDelayMs": case["initial_delay_ms"], "multiplier": 2,
                                       "maxDelayMs": 300_000}),
            );
            assert_eq!(
                delays(&policy, count(&case["max_attempts"])),
                numbers(&case["delays_ms"], 1.0),
                "{case}"
            );
        }
    }

    #[test]
    fn svc_infra_delays_grow_linearly() {
        let policy = policy(json!({"type": "LINEAR", "delayMs": 60_000}));
        assert_eq!(delays(&policy, 5), [60_000, 120_000, 180_000, 240_000]);
    }

    #[test]
    fn dealix_and_standard_webhooks_are_schedules() {
        let dealix = policy(
            json!({"type": "SCHEDULE", "delaysMs": [30_000, 300_000, 1_800_000, 21_600_000, 86_400_000]}),
        );
        for case in vectors("dealix")
            .iter()
            .filter(|case| (1..6).contains(&case["attempt"].as_i64().expect("a number")))
        {
            let wait = delay(&dealix, count(&case["attempt"]), 0.9);
            assert_eq!(wait.as_secs(), case["delay_seconds"].as_u64().expect("seconds"), "{case}");
        }
        assert_eq!(next_attempt(&dealix, 6, 6, Duration::ZERO, 0.0), None);
        assert_eq!(delay(&dealix, 40, 0.0), Duration::from_secs(86_400), "the last delay repeats");
    }

    #[test]
    fn servo_shortens_the_last_delay_to_its_limit() {
        for case in vectors("servo_documented") {
            let limit = case["max_time_seconds"].as_u64().map(|seconds| seconds * 1000);
            let policy = policy(json!({"type": "EXPONENTIAL", "initialDelayMs": 1000, "multiplier": 2,
                                       "maxDelayMs": 2_592_000_000_u64, "maxElapsedMs": limit}));
            assert_eq!(
                delays(&policy, count(&case["max_tries"])),
                numbers(&case["delays_seconds"], 1000.0),
                "{case}"
            );
        }
    }

    #[test]
    fn half_jitter_keeps_reactors_bounds() {
        for case in vectors("firefly_actual") {
            let policy = policy(
                json!({"type": "EXPONENTIAL", "initialDelayMs": case["retryDelayMs"], "multiplier": 2,
                                       "maxDelayMs": 30_000, "jitter": 0.5}),
            );
            // The one case given as a text is the defect in which a first delay above the cap broke the chain.
            for retry in case["retries"].as_array().into_iter().flatten() {
                let nth = count(&retry["retry"]);
                assert_eq!(
                    delay(&policy, nth, 0.0).as_millis(),
                    u128::from(retry["min_ms"].as_u64().expect("ms")),
                    "{retry}"
                );
                let highest = u128::from(retry["max_ms_exclusive"].as_u64().expect("ms"));
                assert_eq!(delay(&policy, nth, 1.0).as_millis(), highest, "{retry}");
            }
        }
        let above = policy(
            json!({"type": "EXPONENTIAL", "initialDelayMs": 60_000, "maxDelayMs": 30_000, "jitter": 0.5}),
        );
        assert_eq!(delay(&above, 1, 0.3), Duration::from_secs(30));
    }

    fn any_policy() -> impl Strategy<Value = RetryPolicy> {
        let ms = 0_u64..=2_592_000_000;
        let limit = prop::option::of(ms.clone());
        let exponential = (ms.clone(), 1.0..=10.0, ms.clone(), 0.0..=1.0, limit.clone()).prop_map(|(a, m, b, j, limit)| {
            policy(json!({"type": "EXPONENTIAL", "initialDelayMs": a, "multiplier": m, "maxDelayMs": b, "jitter": j,
                          "maxElapsedMs": limit}))
        });
        let linear = (ms.clone(), limit.clone())
            .prop_map(|(a, limit)| policy(json!({"type": "LINEAR", "delayMs": a, "maxElapsedMs": limit})));
        let schedule = (prop::collection::vec(ms, 1..50), limit).prop_map(|(list, limit)| {
            policy(json!({"type": "SCHEDULE", "delaysMs": list, "maxElapsedMs": limit}))
        });
        prop_oneof![exponential, linear, schedule]
    }

    proptest! {
        #[test]
        fn nothing_overflows_and_bounds_hold(
            policy in any_policy(), attempt in any::<u16>(), max in any::<u16>(), elapsed in any::<u64>(), unit in 0.0..1.0,
        ) {
            let elapsed = Duration::from_millis(elapsed);
            let next = next_attempt(&policy, attempt, max, elapsed, unit);
            prop_assert_eq!(attempt >= max && next.is_some(), false);
            if let (Some(wait), Some(limit)) = (next, policy.max_elapsed_ms) {
                prop_assert!(elapsed + wait <= Duration::from_millis(limit));
            }
            if let RetryKind::Exponential { max_delay_ms, .. } = &policy.kind {
                prop_assert!(delay(&policy, attempt, unit) <= Duration::from_millis(*max_delay_ms));
            }
        }

        #[test]
        fn delays_do_not_shrink_before_jitter(
            first in 0_u64..2_592_000_000, multiplier in 1.0..10.0, longest in 0_u64..2_592_000_000, attempt in 1_u16..1000,
        ) {
            let policy = policy(json!({"type": "EXPONENTIAL", "initialDelayMs": first, "multiplier": multiplier,
                                       "maxDelayMs": longest}));
            prop_assert!(delay(&policy, attempt, 0.5) <= delay(&policy, attempt + 1, 0.5));
        }

        #[test]
        fn jitter_stays_within_its_share(jitter in 0.0..1.0, unit in 0.0..1.0, attempt in 1_u16..40) {
            let with = policy(json!({"type": "EXPONENTIAL", "initialDelayMs": 700, "multiplier": 1.7, "maxDelayMs": 900_000,
                                     "jitter": jitter}));
            let without = policy(json!({"type": "EXPONENTIAL", "initialDelayMs": 700, "multiplier": 1.7,
                                        "maxDelayMs": 900_000}));
            let (with, base) = (delay(&with, attempt, unit).as_secs_f64(), delay(&without, attempt, unit).as_secs_f64());
            prop_assert!((with - base).abs() <= base * jitter + 1e-6, "{} {}", with, base);
        }
    }
}
