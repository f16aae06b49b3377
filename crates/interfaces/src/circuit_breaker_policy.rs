//! When to stop calling an endpoint that keeps failing.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::field_errors::ValidationErrors;
use crate::field_reader::{Bounds, FieldReader};

/// The thresholds of a circuit breaker, one breaker a configuration. Durations are in milliseconds,
/// rates in percent; words and defaults are Resilience4j's (count-based window).
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "mode", rename_all = "SCREAMING_SNAKE_CASE", rename_all_fields = "camelCase")]
pub enum CircuitBreakerPolicy {
    /// Opens when the share of failed or slow calls in a window reaches a threshold.
    Rate {
        /// Opens at this share of failures.
        failure_rate_threshold: f32,
        /// Opens at this share of slow calls.
        slow_call_rate_threshold: f32,
        /// A call longer than this is slow.
        slow_call_duration_ms: u64,
        /// Calls in the window.
        sliding_window_size: u32,
        /// Calls before a rate is computed.
        minimum_number_of_calls: u32,
        /// Time open before the half-open trial.
        wait_duration_in_open_state_ms: u64,
        /// Calls of the half-open trial.
        permitted_calls_in_half_open_state: u32,
    },
    /// Opens after a number of failures in a row.
    Consecutive {
        /// Failures in a row that open it.
        failure_threshold: u32,
        /// Time open before the half-open trial.
        recovery_timeout_ms: u64,
        /// Calls of the half-open trial.
        half_open_max_calls: u32,
    },
}

impl Default for CircuitBreakerPolicy {
    /// Firefly's documented thresholds.
    fn default() -> Self {
        Self::Rate {
            failure_rate_threshold: 50.0,
            slow_call_rate_threshold: 50.0,
            slow_call_duration_ms: 10_000,
            sliding_window_size: 100,
            minimum_number_of_calls: 10,
            wait_duration_in_open_state_ms: 60_000,
            permitted_calls_in_half_open_state: 5,
        }
    }
}

impl CircuitBreakerPolicy {
    /// The default of the consecutive mode: 5 failures, 30 s, 1 trial call.
    #[must_use]
    pub const fn consecutive() -> Self {
        Self::Consecutive { failure_threshold: 5, recovery_timeout_ms: 30_000, half_open_max_calls: 1 }
    }

    /// Reads a policy from its JSON members, recording errors in the reader. `mode` defaults to
    /// `RATE`, and every threshold to its default.
    pub(crate) fn read(reader: &mut FieldReader<'_>) -> Option<Self> {
        let mode = match reader.get("mode").value() {
            None => Some(Mode::Rate),
            Some(_) => reader.parsed("mode", "Enum", mode_name),
        };
        match mode? {
            Mode::Rate => Some(read_rate(reader)),
            Mode::Consecutive => Some(Self::Consecutive {
                failure_threshold: read_count(reader, "failureThreshold", 5),
                recovery_timeout_ms: read_wait(reader, "recoveryTimeoutMs", 30_000),
                half_open_max_calls: read_count(reader, "halfOpenMaxCalls", 1),
            }),
        }
    }
}

impl TryFrom<&Map<String, Value>> for CircuitBreakerPolicy {
    type Error = ValidationErrors;

    fn try_from(members: &Map<String, Value>) -> Result<Self, Self::Error> {
        let mut reader = FieldReader::new(members);
        let policy = Self::read(&mut reader);
        reader.finish()?;
        Ok(policy.unwrap_or_default())
    }
}

impl<'de> Deserialize<'de> for CircuitBreakerPolicy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let members = Map::deserialize(deserializer)?;
        Self::try_from(&members).map_err(serde::de::Error::custom)
    }
}

enum Mode {
    Rate,
    Consecutive,
}

fn mode_name(text: &str) -> Result<Mode, &'static str> {
    match text {
        "RATE" => Ok(Mode::Rate),
        "CONSECUTIVE" => Ok(Mode::Consecutive),
        _ => Err("mode must be one of RATE, CONSECUTIVE"),
    }
}

const PERCENT_BOUNDS: Bounds<f64> = Bounds {
    min: 1.0,
    below: "A rate threshold must be at least 1 percent",
    max: 100.0,
    above: "A rate threshold must not exceed 100 percent",
};
const COUNT_BOUNDS: Bounds<i64> = Bounds {
    min: 1,
    below: "A number of calls must be at least 1",
    max: 10_000,
    above: "A number of calls must not exceed 10000",
};
const WAIT_BOUNDS: Bounds<i64> = Bounds {
    min: 1,
    below: "A duration must be at least 1ms",
    max: 24 * 60 * 60 * 1000,
    above: "A duration must not exceed 86400000ms (24 hours)",
};

fn read_rate(reader: &mut FieldReader<'_>) -> CircuitBreakerPolicy {
    let sliding_window_size = read_count(reader, "slidingWindowSize", 100);
    let minimum_number_of_calls = read_count(reader, "minimumNumberOfCalls", sliding_window_size.min(10));
    if minimum_number_of_calls > sliding_window_size {
        // A count-based window never holds more calls than its size: it could never open.
        let message = "minimumNumberOfCalls must not exceed slidingWindowSize";
        reader.fail("minimumNumberOfCalls", "Max", message);
    }
    CircuitBreakerPolicy::Rate {
        failure_rate_threshold: read_percent(reader, "failureRateThreshold"),
        slow_call_rate_threshold: read_percent(reader, "slowCallRateThreshold"),
        slow_call_duration_ms: read_wait(reader, "slowCallDurationMs", 10_000),
        sliding_window_size,
        minimum_number_of_calls,
        wait_duration_in_open_state_ms: read_wait(reader, "waitDurationInOpenStateMs", 60_000),
        permitted_calls_in_half_open_state: read_count(reader, "permittedCallsInHalfOpenState", 5),
    }
}

fn read_percent(reader: &mut FieldReader<'_>, name: &str) -> f32 {
    #[expect(clippy::cast_possible_truncation, reason = "a percentage fits")]
    let percent = reader.decimal(name, 50.0, &PERCENT_BOUNDS) as f32;
    percent
}

fn read_count(reader: &mut FieldReader<'_>, name: &str, default: u32) -> u32 {
    reader.integer(name, &COUNT_BOUNDS).and_then(|count| u32::try_from(count).ok()).unwrap_or(default)
}

fn read_wait(reader: &mut FieldReader<'_>, name: &str, default: u64) -> u64 {
    reader.integer(name, &WAIT_BOUNDS).and_then(|wait| u64::try_from(wait).ok()).unwrap_or(default)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(value: Value) -> Result<CircuitBreakerPolicy, serde_json::Error> {
        serde_json::from_value(value)
    }

    #[test]
    fn nothing_said_means_the_defaults() {
        let policy = parse(json!({})).expect("valid");
        assert_eq!(policy, CircuitBreakerPolicy::default());
        let policy = parse(json!({"mode": "CONSECUTIVE"})).expect("valid");
        assert_eq!(policy, CircuitBreakerPolicy::consecutive());
    }

    #[test]
    fn both_modes_survive_their_json() {
        for policy in [CircuitBreakerPolicy::default(), CircuitBreakerPolicy::consecutive()] {
            let json = serde_json::to_value(&policy).expect("serialises");
            assert_eq!(parse(json).expect("valid"), policy);
        }
    }

    #[test]
    fn bad_values_are_named() {
        let refusal = |value| parse(value).expect_err("refused").to_string();
        assert!(refusal(json!({"mode": "OFTEN"})).contains("RATE, CONSECUTIVE"));
        assert!(refusal(json!({"failureRateThreshold": 0})).contains("at least 1 percent"));
        assert!(refusal(json!({"slidingWindowSize": "ten"})).contains("whole number"));
        assert!(
            refusal(json!({"slidingWindowSize": 5, "minimumNumberOfCalls": 6}))
                .contains("must not exceed slidingWindowSize")
        );
    }
}
