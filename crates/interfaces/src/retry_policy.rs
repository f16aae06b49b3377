//! When a failed delivery is tried again.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::field_errors::ValidationErrors;
use crate::field_reader::{Bounds, FieldReader};

/// Longest delay a policy may name: 30 days, in milliseconds.
pub const DELAY_MS_MAX: u64 = 30 * 24 * 60 * 60 * 1000;
/// Most delays in a schedule.
pub const SCHEDULE_MAX_LEN: usize = 50;

/// The delays between attempts, and how long to go on. How *often* to try is not the policy's: the
/// configuration's `maxRetries` is.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct RetryPolicy {
    /// How the delay grows.
    #[serde(flatten)]
    pub kind: RetryKind,
    /// No attempt starts later than this many milliseconds after the first one.
    pub max_elapsed_ms: Option<u64>,
}

/// How the delay before the next attempt follows from the attempts so far. All delays are in
/// milliseconds, at most 30 days.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "type", rename_all = "SCREAMING_SNAKE_CASE", rename_all_fields = "camelCase")]
pub enum RetryKind {
    /// `initialDelayMs · multiplier^(n-1)` after the n-th attempt, at most `maxDelayMs`.
    Exponential {
        /// Delay after the first attempt.
        initial_delay_ms: u64,
        /// Growth from one delay to the next, 1 to 10.
        multiplier: f64,
        /// Longest delay.
        max_delay_ms: u64,
        /// Share of the delay that is random, 0 to 1.
        jitter: f64,
    },
    /// `delayMs · n` after the n-th attempt.
    Linear {
        /// The delay after the first attempt.
        delay_ms: u64,
    },
    /// A list of delays; after its end the last one repeats.
    Schedule {
        /// The delays in order, 1 to 50 of them.
        delays_ms: Vec<u64>,
    },
}

impl RetryPolicy {
    /// What the contract's `retryDelayMs` and `retryBackoffMultiplier` mean: exponential without
    /// jitter (Firefly's documented delays). Values out of bounds are brought to the nearest bound.
    #[must_use]
    pub fn firefly(retry_delay_ms: i32, multiplier: f64, max_delay_ms: u64) -> Self {
        let multiplier = if multiplier.is_finite() { multiplier } else { 1.0 };
        Self {
            kind: RetryKind::Exponential {
                initial_delay_ms: u64::try_from(retry_delay_ms).unwrap_or(0),
                multiplier: multiplier.clamp(1.0, 10.0),
                max_delay_ms: max_delay_ms.min(DELAY_MS_MAX),
                jitter: 0.0,
            },
            max_elapsed_ms: None,
        }
    }

    /// `delay_ms · n` after the n-th attempt.
    #[must_use]
    pub fn linear(delay_ms: u64) -> Self {
        Self { kind: RetryKind::Linear { delay_ms: delay_ms.min(DELAY_MS_MAX) }, max_elapsed_ms: None }
    }

    /// The delays of a list, the last one again and again.
    #[must_use]
    pub fn schedule(delays_ms: &[u64]) -> Self {
        let delays_ms = delays_ms.iter().take(SCHEDULE_MAX_LEN).map(|delay| *delay.min(&DELAY_MS_MAX));
        Self { kind: RetryKind::Schedule { delays_ms: delays_ms.collect() }, max_elapsed_ms: None }
    }

    /// The same policy, with no attempt later than this many milliseconds after the first.
    #[must_use]
    pub const fn within(mut self, max_elapsed_ms: u64) -> Self {
        self.max_elapsed_ms = Some(max_elapsed_ms);
        self
    }

    /// The same policy with a share of every delay at random, 0 to 1; only exponential ones have it.
    #[must_use]
    pub fn with_jitter(mut self, share: f64) -> Self {
        if let RetryKind::Exponential { jitter, .. } = &mut self.kind
            && share.is_finite()
        {
            *jitter = share.clamp(0.0, 1.0);
        }
        self
    }

    /// Reads a policy from its JSON members, recording errors in the reader.
    pub(crate) fn read(reader: &mut FieldReader<'_>) -> Option<Self> {
        let kind = match reader.parsed("type", "Enum", kind_name) {
            Some(KindName::Exponential) => read_exponential(reader),
            Some(KindName::Linear) => {
                RetryKind::Linear { delay_ms: read_delay(reader, "delayMs", Missing::IsAnError) }
            }
            Some(KindName::Schedule) => RetryKind::Schedule { delays_ms: read_schedule(reader) },
            None => {
                if reader.get("type").value().is_none() {
                    reader.fail("type", "NotNull", format!("type must be one of {KINDS}"));
                }
                return None;
            }
        };
        let max_elapsed_ms =
            reader.integer("maxElapsedMs", &DELAY_BOUNDS).and_then(|number| u64::try_from(number).ok());
        Some(Self { kind, max_elapsed_ms })
    }
}

impl TryFrom<&Map<String, Value>> for RetryPolicy {
    type Error = ValidationErrors;

    fn try_from(members: &Map<String, Value>) -> Result<Self, Self::Error> {
        let mut reader = FieldReader::new(members);
        let policy = Self::read(&mut reader);
        reader.finish()?;
        policy.ok_or_else(|| ValidationErrors::one("type", "NotNull", "type is required"))
    }
}

impl<'de> Deserialize<'de> for RetryPolicy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let members = Map::deserialize(deserializer)?;
        Self::try_from(&members).map_err(serde::de::Error::custom)
    }
}

const KINDS: &str = "EXPONENTIAL, LINEAR, SCHEDULE";
const DELAY_BOUNDS: Bounds<i64> = Bounds {
    min: 0,
    below: "A delay must not be negative",
    max: DELAY_MS_MAX as i64,
    above: "A delay must not exceed 2592000000ms (30 days)",
};
const JITTER_BOUNDS: Bounds<f64> =
    Bounds { min: 0.0, below: "Jitter must be at least 0", max: 1.0, above: "Jitter must not exceed 1" };
const MULTIPLIER_BOUNDS: Bounds<f64> = Bounds {
    min: 1.0,
    below: "Multiplier must be at least 1",
    max: 10.0,
    above: "Multiplier must not exceed 10",
};
/// Firefly's `retry.max-delay-ms`.
const EXPONENTIAL_MAX_DELAY_MS: u64 = 60_000;

enum KindName {
    Exponential,
    Linear,
    Schedule,
}

fn kind_name(text: &str) -> Result<KindName, String> {
    match text {
        "EXPONENTIAL" => Ok(KindName::Exponential),
        "LINEAR" => Ok(KindName::Linear),
        "SCHEDULE" => Ok(KindName::Schedule),
        _ => Err(format!("type must be one of {KINDS}")),
    }
}

enum Missing {
    IsAnError,
    Means(u64),
}

fn read_delay(reader: &mut FieldReader<'_>, name: &str, missing: Missing) -> u64 {
    let number = reader.integer(name, &DELAY_BOUNDS);
    match (number, missing) {
        (Some(number), _) => u64::try_from(number).unwrap_or(0),
        (None, Missing::Means(default)) => default,
        (None, Missing::IsAnError) => {
            if reader.get(name).value().is_none() {
                reader.fail(name, "NotNull", format!("{name} is required"));
            }
            0
        }
    }
}

fn read_exponential(reader: &mut FieldReader<'_>) -> RetryKind {
    let initial_delay_ms = read_delay(reader, "initialDelayMs", Missing::Means(1000));
    RetryKind::Exponential {
        initial_delay_ms,
        multiplier: reader.decimal("multiplier", 2.0, &MULTIPLIER_BOUNDS),
        max_delay_ms: read_delay(
            reader,
            "maxDelayMs",
            Missing::Means(EXPONENTIAL_MAX_DELAY_MS.max(initial_delay_ms)),
        ),
        jitter: reader.decimal("jitter", 0.0, &JITTER_BOUNDS),
    }
}

fn read_schedule(reader: &mut FieldReader<'_>) -> Vec<u64> {
    let delays = match reader.get("delaysMs").value() {
        Some(Value::Array(items)) => items,
        Some(other) => {
            let message = "delaysMs must be an array of milliseconds";
            reader.refuse("delaysMs", "TypeMismatch", message, other);
            return Vec::new();
        }
        None => {
            reader.fail("delaysMs", "NotNull", "delaysMs is required");
            return Vec::new();
        }
    };
    if delays.is_empty() || delays.len() > SCHEDULE_MAX_LEN {
        let message = "A schedule must have between 1 and 50 delays";
        reader.fail("delaysMs", "Size", message);
    }
    let mut schedule = Vec::new();
    for (index, delay) in delays.iter().enumerate().take(SCHEDULE_MAX_LEN) {
        match delay.as_u64().filter(|delay| *delay <= DELAY_MS_MAX) {
            Some(delay) => schedule.push(delay),
            None => {
                let message = "A delay must be a whole number of milliseconds from 0 to 2592000000";
                reader.refuse(&format!("delaysMs[{index}]"), "Max", message, delay);
            }
        }
    }
    schedule
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(value: Value) -> Result<RetryPolicy, serde_json::Error> {
        serde_json::from_value(value)
    }

    #[test]
    fn every_kind_survives_its_json() {
        for value in [
            json!({"type": "EXPONENTIAL", "initialDelayMs": 500, "multiplier": 1.5,
                   "maxDelayMs": 9000, "jitter": 0.25, "maxElapsedMs": 60000}),
            json!({"type": "LINEAR", "delayMs": 60000, "maxElapsedMs": null}),
            json!({"type": "SCHEDULE", "delaysMs": [0, 30000, 300000], "maxElapsedMs": null}),
        ] {
            let policy = parse(value.clone()).expect("valid");
            assert_eq!(serde_json::to_value(&policy).expect("serialises"), value);
        }
    }

    #[test]
    fn every_bound_is_kept_and_named() {
        let refusal = |value| parse(value).expect_err("refused").to_string();
        assert!(refusal(json!({})).contains("EXPONENTIAL, LINEAR, SCHEDULE"));
        assert!(refusal(json!({"type": "FIBONACCI"})).contains("EXPONENTIAL, LINEAR, SCHEDULE"));
        assert!(refusal(json!({"type": "LINEAR"})).contains("delayMs is required"));
        assert!(refusal(json!({"type": "LINEAR", "delayMs": -1})).contains("negative"));
        assert!(refusal(json!({"type": "LINEAR", "delayMs": DELAY_MS_MAX + 1})).contains("30 days"));
        assert!(refusal(json!({"type": "SCHEDULE", "delaysMs": []})).contains("between 1 and 50"));
        assert!(refusal(json!({"type": "SCHEDULE", "delaysMs": [1.5]})).contains("delaysMs[0]"));
        let both = refusal(json!({"type": "EXPONENTIAL", "multiplier": 11, "jitter": 2}));
        assert!(both.contains("Multiplier") && both.contains("Jitter"), "{both}");
    }

    #[test]
    fn the_contracts_fields_are_exponential_without_jitter() {
        let policy = RetryPolicy::firefly(1000, 2.0, 60_000);
        assert_eq!(
            policy.kind,
            RetryKind::Exponential {
                initial_delay_ms: 1000,
                multiplier: 2.0,
                max_delay_ms: 60_000,
                jitter: 0.0
            }
        );
    }
}
