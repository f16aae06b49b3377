use std::time::Duration;

use bytes::Bytes;
use callbacks_core::backoff::{delay, next_attempt};
use callbacks_core::delivery::transport::{FailureKind, Outcome, PhaseTimings, WireFailure, WireResponse};
use callbacks_core::delivery::verdict::{Verdict, verdict};
use callbacks_interfaces::retry_policy::RetryPolicy;
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::question_lines::Unanswerable;

/// Firefly's `retry.max-delay-ms`, as in config/default.toml.
const FIREFLY_MAX_DELAY_MS: u64 = 60_000;
/// Jitter is answered with its middle: the delay without it, where its range is not cut.
const MIDDLE: f64 = 0.5;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Question {
    /// A retry policy of the API, or Firefly's `{retryDelayMs, retryBackoffMultiplier, maxRetries}`.
    policy: Option<Map<String, Value>>,
    /// The status answered with.
    status: Option<u16>,
    /// What failed before there was a status: a [`FailureKind`] in any case, or any other text.
    error: Option<String>,
    /// The number of the attempt that failed, from 1.
    attempt: u16,
    /// Attempts in all; without end when absent.
    #[serde(alias = "max_attempts")]
    max_attempts: Option<u16>,
    /// Time since the first attempt began; when absent, the delays so far with attempts that took no time.
    #[serde(alias = "elapsed_ms")]
    elapsed_ms: Option<u64>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Answer {
    retry: bool,
    delay_ms: Option<u64>,
    outcome: &'static str,
    reason: Option<String>,
}

/// Judges the outcome, then asks the policy.
pub(super) fn answer(question: &Question) -> Result<Answer, Unanswerable> {
    if question.attempt == 0 {
        return Err("attempt: attempts are counted from 1".to_owned());
    }
    let judged = verdict(&outcome(question)?);
    let reason = judged.reason().map(str::to_owned);
    let stopped = |outcome| Answer { retry: false, delay_ms: None, outcome, reason: reason.clone() };
    match judged {
        Verdict::Delivered => return Ok(stopped("success")),
        Verdict::Permanent { .. } => return Ok(stopped("permanent")),
        Verdict::Gone => return Ok(stopped("permanent_disable_endpoint")),
        Verdict::Retry { .. } | Verdict::Wait { .. } => {}
    }
    let terms = Terms::of(question)?;
    let wait = next_attempt(&terms.policy, question.attempt, terms.max_attempts, terms.elapsed, MIDDLE);
    Ok(match wait {
        None => stopped("exhausted"),
        Some(wait) => Answer { retry: true, delay_ms: Some(rounded_ms(wait)), outcome: "retry", reason },
    })
}

fn outcome(question: &Question) -> Result<Outcome, Unanswerable> {
    match (question.status, &question.error) {
        (Some(_), Some(_)) => Err("status and error exclude each other".to_owned()),
        (Some(status), None) => Ok(Outcome::Response(WireResponse {
            status,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            truncated: false,
            timings: PhaseTimings::default(),
        })),
        (None, error) => {
            let message = error.clone().unwrap_or_else(|| "transport error".to_owned());
            Ok(Outcome::Failure(WireFailure {
                kind: kind(&message),
                message,
                timings: PhaseTimings::default(),
            }))
        }
    }
}

/// The kind of failure a text names, whatever its case and separators.
fn kind(text: &str) -> FailureKind {
    let word: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
    match word.to_ascii_lowercase().as_str() {
        "addressforbidden" | "forbiddenip" => FailureKind::AddressForbidden,
        "dns" => FailureKind::Dns,
        "connect" => FailureKind::Connect,
        "tls" => FailureKind::Tls,
        "timeout" => FailureKind::Timeout,
        "reset" => FailureKind::Reset,
        "invalidresponse" => FailureKind::InvalidResponse,
        _ => FailureKind::Other,
    }
}

/// Everything the backoff depends on.
struct Terms {
    policy: RetryPolicy,
    max_attempts: u16,
    elapsed: Duration,
}

impl Terms {
    fn of(question: &Question) -> Result<Self, Unanswerable> {
        let members = question.policy.clone().unwrap_or_default();
        let policy = policy(&members)?;
        let retries =
            members.get("maxRetries").and_then(Value::as_u64).map(|retries| retries.saturating_add(1));
        let attempts = members.get("maxAttempts").and_then(Value::as_u64).or(retries);
        let in_policy = attempts.map(|attempts| u16::try_from(attempts).unwrap_or(u16::MAX));
        let elapsed = match question.elapsed_ms {
            Some(elapsed) => Duration::from_millis(elapsed),
            None => (1..question.attempt)
                .map(|attempt| delay(&policy, attempt, MIDDLE))
                .fold(Duration::ZERO, Duration::saturating_add),
        };
        let max_attempts = question.max_attempts.or(in_policy).unwrap_or(u16::MAX);
        Ok(Self { policy, max_attempts, elapsed })
    }
}

fn policy(members: &Map<String, Value>) -> Result<RetryPolicy, Unanswerable> {
    if members.contains_key("type") {
        return RetryPolicy::try_from(members).map_err(|errors| format!("policy: {errors}"));
    }
    let number = |name: &str, default: f64| match members.get(name) {
        None | Some(Value::Null) => Ok(default),
        Some(value) => value.as_f64().ok_or_else(|| format!("policy: {name} must be a number")),
    };
    let delay_ms = number("retryDelayMs", 1000.0)?;
    let multiplier = number("retryBackoffMultiplier", 2.0)?;
    Ok(RetryPolicy::firefly(delay_ms as i32, multiplier, FIREFLY_MAX_DELAY_MS))
}

fn rounded_ms(wait: Duration) -> u64 {
    u64::try_from((wait + Duration::from_micros(500)).as_millis()).unwrap_or(u64::MAX)
}
