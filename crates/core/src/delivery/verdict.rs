//! What an outcome means: delivered, to be tried again, or never; and who is charged with it. Pure.

use callbacks_interfaces::circuit_breaker_policy::CircuitBreakerPolicy;
use callbacks_interfaces::wire_profile::WireProfile;
use http::StatusCode;

use super::transport::{FailureKind, Outcome, WireResponse};
use crate::gates::circuit_breaker::CallResult;
use crate::wire::preset::is_success;

/// The meaning of one attempt's outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// A 2xx answer; the only success there is.
    Delivered,
    /// Worth another attempt, if the policy has one left.
    Retry {
        /// Text for the tenant.
        reason: String,
    },
    /// Nothing was attempted: the way out is closed, and the same attempt is made when it may be open again.
    Wait {
        /// Text for the tenant.
        reason: String,
    },
    /// Another attempt would not help.
    Permanent {
        /// Text for the tenant.
        reason: String,
    },
    /// 410: the endpoint says it will never take another delivery.
    Gone,
}

impl Verdict {
    /// Text for the tenant; `None` for a success.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Verdict::Delivered => None,
            Verdict::Retry { reason } | Verdict::Wait { reason } | Verdict::Permanent { reason } => {
                Some(reason)
            }
            Verdict::Gone => Some("HTTP 410 Gone: the endpoint takes no more deliveries"),
        }
    }
}

/// Judges an outcome.
///
/// Worth another attempt are all transport failures, 408, 425, 429 and 5xx. An address that must not be dialled
/// stays forbidden, so that failure alone is permanent, as is every other status. Without our own proxy nothing is attempted.
pub fn verdict(outcome: &Outcome) -> Verdict {
    match outcome {
        Outcome::Response(response) => verdict_on_status(response.status),
        Outcome::Failure(failure) => {
            let reason = failure.message.clone();
            match failure.kind {
                FailureKind::AddressForbidden => Verdict::Permanent { reason },
                FailureKind::Proxy => Verdict::Wait { reason },
                _ => Verdict::Retry { reason },
            }
        }
    }
}

/// False when what went wrong may be our own outgoing proxy's doing: then it counts neither as the configuration's failure
/// nor as the domain's.
pub fn is_charged(outcome: &Outcome) -> bool {
    !matches!(outcome, Outcome::Failure(failure) if matches!(failure.kind, FailureKind::Proxy | FailureKind::Tunnel))
}

/// Judges an outcome where a wire profile's system is stricter about success than 2xx.
pub fn verdict_under(profile: WireProfile, outcome: &Outcome) -> Verdict {
    match (verdict(outcome), outcome) {
        (Verdict::Delivered, Outcome::Response(response)) if !is_success(profile, response.status) => {
            let status = status_text(response.status);
            Verdict::Permanent { reason: format!("{status}: not an answer {profile} takes for success") }
        }
        (judged, _) => judged,
    }
}

fn verdict_on_status(status: u16) -> Verdict {
    match status {
        200..=299 => Verdict::Delivered,
        410 => Verdict::Gone,
        408 | 425 | 429 | 500..=599 => Verdict::Retry { reason: status_text(status) },
        300..=399 => {
            Verdict::Permanent { reason: format!("{}: redirects are not followed", status_text(status)) }
        }
        _ => Verdict::Permanent { reason: status_text(status) },
    }
}

fn status_text(status: u16) -> String {
    match StatusCode::from_u16(status).ok().and_then(|code| code.canonical_reason()) {
        Some(phrase) => format!("HTTP {status} {phrase}"),
        None => format!("HTTP {status}"),
    }
}

/// What an outcome tells a circuit breaker about the endpoint's health.
///
/// By rate: 2xx is a success; transport failures, 408, 429 and 5xx are failures; every other status is neutral, since
/// refusing one request says nothing about the next. Counting consecutive failures (as pyfly does): any answer at all
/// is a success. In both, what never reached the endpoint (a forbidden address, a name our resolver could not resolve, an
/// access token somebody else refused, our own proxy that gave no tunnel, file descriptors that ran out) is neutral.
pub fn call_result(outcome: &Outcome, policy: &CircuitBreakerPolicy) -> CallResult {
    match (outcome, policy) {
        (Outcome::Failure(failure), _) => match failure.kind {
            FailureKind::AddressForbidden
            | FailureKind::Dns
            | FailureKind::Credentials
            | FailureKind::Proxy
            | FailureKind::Tunnel
            | FailureKind::Other => CallResult::Neutral,
            _ => CallResult::Failure,
        },
        (Outcome::Response(_), CircuitBreakerPolicy::Consecutive { .. }) => CallResult::Success,
        (Outcome::Response(response), CircuitBreakerPolicy::Rate { .. }) => rate_result(response),
    }
}

fn rate_result(response: &WireResponse) -> CallResult {
    match response.status {
        200..=299 => CallResult::Success,
        408 | 429 | 500..=599 => CallResult::Failure,
        _ => CallResult::Neutral,
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use serde_json::Value;

    use super::super::transport::{PhaseTimings, WireFailure};
    use super::*;

    fn response(status: u16) -> Outcome {
        Outcome::Response(WireResponse {
            status,
            headers: http::HeaderMap::new(),
            body: Bytes::new(),
            truncated: false,
            timings: PhaseTimings::default(),
        })
    }

    fn failure(kind: FailureKind) -> Outcome {
        Outcome::Failure(WireFailure {
            kind,
            message: "refused".to_owned(),
            timings: PhaseTimings::default(),
        })
    }

    #[test]
    fn every_status_of_the_compatibility_vectors() {
        let vectors: Value =
            serde_json::from_str(include_str!("../../tests/vectors/retry.json")).expect("valid JSON");
        for case in vectors["status"].as_array().expect("a list") {
            let (name, judged) = match case["status"].as_u64() {
                // The service retries 425 (Too Early, RFC 8470), which the vectors leave permanent.
                Some(425) => continue,
                Some(status) => {
                    (status.to_string(), verdict(&response(u16::try_from(status).expect("a status"))))
                }
                None => ("transport".to_owned(), verdict(&failure(FailureKind::Connect))),
            };
            let expected = case["recommended"]["outcome"].as_str().expect("a text");
            let agreed = match judged {
                Verdict::Delivered => expected == "success",
                Verdict::Retry { .. } => expected == "retry",
                Verdict::Permanent { .. } => expected == "permanent",
                Verdict::Wait { .. } => false,
                Verdict::Gone => expected == "permanent_disable_endpoint",
            };
            assert!(agreed, "status {name}: expected {expected}, judged {judged:?}");
        }
    }

    #[test]
    fn too_early_is_tried_again() {
        assert!(matches!(verdict(&response(425)), Verdict::Retry { .. }));
    }

    #[test]
    fn a_forbidden_address_is_permanent_and_all_other_failures_are_not() {
        use FailureKind::{Connect, Dns, InvalidResponse, Other, Reset, Timeout, Tls};
        assert!(matches!(verdict(&failure(FailureKind::AddressForbidden)), Verdict::Permanent { .. }));
        for kind in [Dns, Connect, Tls, Timeout, Reset, InvalidResponse, Other] {
            assert!(matches!(verdict(&failure(kind)), Verdict::Retry { .. }), "{kind:?}");
        }
    }

    #[test]
    fn our_own_proxy_is_nobodys_fault_and_without_it_nothing_is_attempted() {
        assert!(matches!(verdict(&failure(FailureKind::Proxy)), Verdict::Wait { .. }));
        assert!(matches!(verdict(&failure(FailureKind::Tunnel)), Verdict::Retry { .. }));
        for text in [r#"{"mode":"RATE"}"#, r#"{"mode":"CONSECUTIVE"}"#] {
            let policy: CircuitBreakerPolicy = serde_json::from_str(text).expect("all defaults");
            for kind in [FailureKind::Proxy, FailureKind::Tunnel] {
                assert_eq!(call_result(&failure(kind), &policy), CallResult::Neutral, "{kind:?}");
                assert!(!is_charged(&failure(kind)), "{kind:?}");
            }
        }
        assert!(is_charged(&failure(FailureKind::Connect)) && is_charged(&response(503)));
    }

    #[test]
    fn every_number_has_a_verdict_and_only_2xx_is_success() {
        for status in 0..=u16::MAX {
            let delivered = verdict(&response(status)) == Verdict::Delivered;
            assert_eq!(delivered, (200..300).contains(&status), "{status}");
        }
    }

    #[test]
    fn a_strict_profile_takes_fewer_answers_for_success() {
        assert_eq!(verdict_under(WireProfile::Servo, &response(208)), Verdict::Delivered);
        assert_eq!(verdict_under(WireProfile::Firefly, &response(206)), Verdict::Delivered);
        let strict = verdict_under(WireProfile::Servo, &response(206));
        assert_eq!(strict.reason(), Some("HTTP 206 Partial Content: not an answer SERVO takes for success"));
    }

    #[test]
    fn texts_name_the_status() {
        assert_eq!(verdict(&response(503)).reason(), Some("HTTP 503 Service Unavailable"));
        assert_eq!(verdict(&response(599)).reason(), Some("HTTP 599"));
        assert_eq!(verdict(&response(200)).reason(), None);
    }

    #[test]
    fn a_breaker_by_rate_takes_other_4xx_as_neutral() {
        let rate: CircuitBreakerPolicy = serde_json::from_str(r#"{"mode":"RATE"}"#).expect("all defaults");
        assert_eq!(call_result(&response(204), &rate), CallResult::Success);
        for status in [408, 429, 500, 503, 599] {
            assert_eq!(call_result(&response(status), &rate), CallResult::Failure, "{status}");
        }
        for status in [301, 400, 404, 410, 425] {
            assert_eq!(call_result(&response(status), &rate), CallResult::Neutral, "{status}");
        }
        assert_eq!(call_result(&failure(FailureKind::Timeout), &rate), CallResult::Failure);
        assert_eq!(call_result(&failure(FailureKind::AddressForbidden), &rate), CallResult::Neutral);
    }

    #[test]
    fn a_breaker_of_consecutive_failures_counts_transport_only() {
        let consecutive: CircuitBreakerPolicy =
            serde_json::from_str(r#"{"mode":"CONSECUTIVE"}"#).expect("all defaults");
        assert_eq!(call_result(&response(500), &consecutive), CallResult::Success);
        assert_eq!(call_result(&failure(FailureKind::Reset), &consecutive), CallResult::Failure);
        assert_eq!(call_result(&failure(FailureKind::Dns), &consecutive), CallResult::Neutral);
    }
}
