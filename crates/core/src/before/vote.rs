//! What a gate's answer means, and what all of them decide. Pure.

use callbacks_interfaces::delivery_phase::OnGateError;
use callbacks_interfaces::gate_answer::{GateAnswer, GateDecision, GateVote};
use callbacks_interfaces::ids::ConfigurationId;
use callbacks_interfaces::wire_profile::WireProfile;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use serde::Deserialize;

use crate::delivery::attempt::DRY_RUN;
use crate::delivery::transport::Outcome;
use crate::delivery::verdict::verdict_under;

/// The media types that cancel an event: servo's, and our own.
const CANCELLING: [&str; 2] =
    ["application/vnd.opsani.servo.errors.CancelEventError+json", "application/vnd.callbacks.cancel+json"];
/// Longest reason that is passed on, in characters.
const REASON_MAX: usize = 1000;
/// The reason of a gate that gives none.
const NO_REASON: &str = "the gate gave no reason";

/// What a gate said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reply {
    /// The event may happen.
    Proceed,
    /// It must not, because of this.
    Cancel(String),
    /// Nothing that can be understood, because of this.
    Nothing(String),
    /// It was not asked: a dry run, which has no effect.
    DryRun,
}

/// Reads a gate's outcome. Any 2xx answer with a cancelling content type cancels, whatever its body says: a veto must not
/// be lost over its reason. Every other answer the profile takes for success lets the event happen.
pub(crate) fn reply(profile: WireProfile, outcome: &Outcome) -> Reply {
    if let Outcome::Response(response) = outcome
        && (200..300).contains(&response.status)
        && cancels(&response.headers)
    {
        return Reply::Cancel(reason(&response.body));
    }
    match verdict_under(profile, outcome).reason() {
        None => Reply::Proceed,
        Some(reason) => Reply::Nothing(reason.to_owned()),
    }
}

/// Whether the content type, without its parameters and in any case, is a cancelling one.
fn cancels(headers: &HeaderMap) -> bool {
    headers.get_all(CONTENT_TYPE).iter().filter_map(|value| value.to_str().ok()).any(|value| {
        let media = value.split(';').next().unwrap_or_default().trim();
        CANCELLING.iter().any(|cancelling| media.eq_ignore_ascii_case(cancelling))
    })
}

fn reason(body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Veto {
        reason: String,
    }
    let given = serde_json::from_slice::<Veto>(body).map(|veto| veto.reason).unwrap_or_default();
    let printable = given.chars().map(|c| if c.is_control() { ' ' } else { c });
    let shown: String = printable.take(REASON_MAX).collect();
    match shown.trim() {
        "" => NO_REASON.to_owned(),
        reason => reason.to_owned(),
    }
}

/// A gate with its reply.
#[derive(Debug, Clone)]
pub(crate) struct Vote {
    pub(crate) configuration: ConfigurationId,
    pub(crate) name: String,
    pub(crate) on_error: OnGateError,
    pub(crate) reply: Reply,
}

impl Vote {
    /// What it means for the event.
    pub(crate) fn decision(&self) -> GateDecision {
        match (&self.reply, self.on_error) {
            (Reply::Cancel(_), _) | (Reply::Nothing(_), OnGateError::Cancel) => GateDecision::Cancelled,
            (Reply::Proceed | Reply::DryRun, _) | (Reply::Nothing(_), OnGateError::Proceed) => {
                GateDecision::Proceed
            }
        }
    }

    /// What its execution row says; `None` when there is nothing to tell.
    pub(crate) fn remark(&self) -> Option<String> {
        match (&self.reply, self.on_error) {
            (Reply::Proceed, _) => None,
            (Reply::DryRun, _) => Some(DRY_RUN.to_owned()),
            (Reply::Cancel(reason), _) => Some(format!("The gate cancelled the event: {reason}")),
            (Reply::Nothing(reason), OnGateError::Proceed) => {
                Some(format!("{reason} (onError PROCEED: the event goes on)"))
            }
            (Reply::Nothing(reason), OnGateError::Cancel) => {
                Some(format!("{reason} (onError CANCEL: the event is cancelled)"))
            }
        }
    }

    fn reason(&self) -> Option<&str> {
        match &self.reply {
            Reply::Proceed => None,
            Reply::DryRun => Some(DRY_RUN),
            Reply::Cancel(reason) | Reply::Nothing(reason) => Some(reason),
        }
    }

    fn view(&self) -> GateVote {
        GateVote {
            configuration_id: self.configuration,
            name: self.name.clone(),
            decision: self.decision(),
            answered: matches!(self.reply, Reply::Proceed | Reply::Cancel(_)),
            reason: self.reason().map(str::to_owned),
        }
    }
}

/// What the votes come to. One that cancels is enough; a gate's own veto is named rather than a failure of another, and
/// the first in order rather than a later one.
pub(crate) fn decide(event_id: String, votes: &[Vote]) -> GateAnswer {
    let cancelling = |vote: &&Vote| vote.decision() == GateDecision::Cancelled;
    let veto = votes.iter().find(|vote| matches!(vote.reply, Reply::Cancel(_)));
    let decisive = veto.or_else(|| votes.iter().find(cancelling));
    let reason = decisive.map(|vote| match &vote.reply {
        Reply::Nothing(reason) => format!("{} did not answer: {reason}", vote.name),
        Reply::Proceed | Reply::DryRun | Reply::Cancel(_) => vote.reason().unwrap_or(NO_REASON).to_owned(),
    });
    GateAnswer {
        decision: if decisive.is_some() { GateDecision::Cancelled } else { GateDecision::Proceed },
        reason,
        by: decisive.map(|vote| vote.configuration),
        event_id,
        gates: votes.iter().map(Vote::view).collect(),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;
    use crate::delivery::transport::{FailureKind, PhaseTimings, WireFailure, WireResponse};

    fn answer(status: u16, content_type: &str, body: &[u8]) -> Outcome {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_str(content_type).expect("a value"));
        Outcome::Response(WireResponse {
            status,
            headers,
            body: Bytes::copy_from_slice(body),
            truncated: false,
            timings: PhaseTimings::default(),
        })
    }

    fn read(status: u16, content_type: &str, body: &str) -> Reply {
        reply(WireProfile::Servo, &answer(status, content_type, body.as_bytes()))
    }

    const SERVO: &str = CANCELLING[0];

    #[test]
    fn both_media_types_cancel_with_parameters_and_in_any_case() {
        let body = r#"{"reason": "Unable to authorize adjustment"}"#;
        let cancelled = Reply::Cancel("Unable to authorize adjustment".to_owned());
        for media in [
            SERVO,
            CANCELLING[1],
            "application/vnd.callbacks.cancel+json; charset=utf-8",
            " Application/VND.opsani.servo.errors.cancelEVENTerror+JSON ;q=1",
        ] {
            assert_eq!(read(200, media, body), cancelled, "{media}");
        }
        for media in [
            "application/json",
            "application/vnd.callbacks.cancel",
            "text/plain; a=application/vnd.callbacks.cancel+json",
        ] {
            assert_eq!(read(200, media, body), Reply::Proceed, "{media}");
        }
    }

    #[test]
    fn a_veto_needs_no_reason() {
        for body in ["", "null", "{}", r#"{"reason":7}"#, r#"{"reason":"  "}"#, "{\"reason\":\"\\u0000\"}"] {
            assert_eq!(read(202, SERVO, body), Reply::Cancel(NO_REASON.to_owned()), "{body:?}");
        }
        let long = format!(r#"{{"reason":"{}"}}"#, "x".repeat(5000));
        assert_eq!(read(200, SERVO, &long), Reply::Cancel("x".repeat(REASON_MAX)));
        assert_eq!(read(200, SERVO, "{\"reason\":\"a\\nb\"}"), Reply::Cancel("a b".to_owned()));
    }

    #[test]
    fn success_is_the_profiles() {
        assert_eq!(read(208, "text/plain", ""), Reply::Proceed);
        assert!(
            matches!(read(203, "text/plain", ""), Reply::Nothing(_)),
            "servo does not take 203 for success"
        );
        assert_eq!(reply(WireProfile::Firefly, &answer(203, "text/plain", b"")), Reply::Proceed);
    }

    fn vote(reply: Reply, on_error: OnGateError) -> Vote {
        Vote { configuration: ConfigurationId::now_v7(), name: "gate".to_owned(), on_error, reply }
    }

    #[test]
    fn a_veto_is_named_before_a_failure() {
        let failed = vote(Reply::Nothing("timed out".to_owned()), OnGateError::Cancel);
        let veto = vote(Reply::Cancel("frozen".to_owned()), OnGateError::Proceed);
        let answer = decide("e".to_owned(), &[failed.clone(), veto.clone()]);
        assert_eq!((answer.by, answer.reason.as_deref()), (Some(veto.configuration), Some("frozen")));
        let answer = decide("e".to_owned(), std::slice::from_ref(&failed));
        assert_eq!(
            (answer.by, answer.reason.as_deref()),
            (Some(failed.configuration), Some("gate did not answer: timed out"))
        );
    }

    fn any_reply() -> impl Strategy<Value = Reply> {
        prop_oneof![
            Just(Reply::Proceed),
            Just(Reply::DryRun),
            "[a-z]{1,9}".prop_map(Reply::Cancel),
            "[a-z]{1,9}".prop_map(Reply::Nothing),
        ]
    }

    fn any_vote() -> impl Strategy<Value = Vote> {
        (any_reply(), any::<bool>()).prop_map(|(reply, cancels)| {
            vote(reply, if cancels { OnGateError::Cancel } else { OnGateError::Proceed })
        })
    }

    proptest! {
        #[test]
        fn one_cancelling_vote_is_enough_and_needed(votes in prop::collection::vec(any_vote(), 0..8)) {
            let answer = decide("e".to_owned(), &votes);
            let cancelling: Vec<_> =
                votes.iter().filter(|vote| vote.decision() == GateDecision::Cancelled).collect();
            prop_assert_eq!(answer.decision == GateDecision::Cancelled, !cancelling.is_empty());
            prop_assert_eq!(answer.by.is_some(), answer.reason.is_some());
            prop_assert_eq!(answer.by.is_some(), !cancelling.is_empty());
            prop_assert!(answer.by.is_none_or(|by| cancelling.iter().any(|vote| vote.configuration == by)));
            prop_assert_eq!(answer.gates.len(), votes.len());
            let mut backwards: Vec<_> = votes.clone();
            backwards.reverse();
            prop_assert_eq!(decide("e".to_owned(), &backwards).decision, answer.decision);
        }

        #[test]
        fn adding_a_vote_never_frees_an_event(votes in prop::collection::vec(any_vote(), 0..8), more in any_vote()) {
            let before = decide("e".to_owned(), &votes).decision;
            let all: Vec<_> = votes.into_iter().chain([more]).collect();
            if before == GateDecision::Cancelled {
                prop_assert_eq!(decide("e".to_owned(), &all).decision, GateDecision::Cancelled);
            }
        }

        #[test]
        fn any_answer_is_read_and_only_2xx_can_cancel(status in 0u16..1000, media in prop_oneof![Just(SERVO.to_owned()), "[a-z/+;=]{0,20}"], body in prop::collection::vec(any::<u8>(), 0..64)) {
            match reply(WireProfile::Servo, &answer(status, &media, &body)) {
                Reply::Cancel(reason) => {
                    prop_assert!((200..300).contains(&status));
                    prop_assert!(!reason.is_empty() && reason.chars().count() <= REASON_MAX);
                    prop_assert!(!reason.chars().any(char::is_control));
                }
                Reply::Proceed => prop_assert!([200, 201, 202, 204, 208].contains(&status)),
                Reply::DryRun => prop_assert!(false, "only asked for, never answered"),
                Reply::Nothing(_) => prop_assert!(![200, 201, 202, 204, 208].contains(&status)),
            }
        }
    }

    #[test]
    fn no_failure_lets_a_strict_gate_pass() {
        for kind in
            [FailureKind::Timeout, FailureKind::Connect, FailureKind::AddressForbidden, FailureKind::Other]
        {
            let message = "failed".to_owned();
            let outcome = Outcome::Failure(WireFailure { kind, message, timings: PhaseTimings::default() });
            let reply = reply(WireProfile::Firefly, &outcome);
            assert_eq!(vote(reply.clone(), OnGateError::Cancel).decision(), GateDecision::Cancelled);
            assert_eq!(vote(reply, OnGateError::Proceed).decision(), GateDecision::Proceed);
        }
    }
}
