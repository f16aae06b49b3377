//! One attempt of one delivery: sign, send, judge. Nothing is written here; the result is an outcome for the recorder.

use std::time::Duration;

use callbacks_interfaces::callback_execution::ExecutionStatus;
use callbacks_interfaces::ids::{DeliveryId, DomainId, ExecutionId};
use callbacks_models::settlement::{NewExecution, Next, Settled};
use time::{OffsetDateTime, SignedDuration};

use super::in_hand::{DeliveryInHand, EventInHand};
use super::recorder::{Finished, Receipt, Tally};
use super::retry_after::retry_after;
use super::transport::{Destination, Outcome, WireRequest};
use super::verdict::{Verdict, call_result, is_charged, verdict_under};
use crate::backoff::next_attempt;
use crate::gates::circuit_breaker::CallResult;
use crate::routing::target::Target;
use crate::wire::headers::redacted;
use crate::wire::profile::{DeliveryFacts, WireError};

/// How long a delivery waits that we could not sign or build: our fault, never counted against the receiver.
const OUR_FAULT_WAIT: Duration = Duration::from_secs(60);

/// How long deliveries wait for our own outgoing proxy before it is asked again.
pub(crate) const PROXY_WAIT: Duration = Duration::from_secs(10);
/// The hold reason tenants see meanwhile.
pub(crate) const PROXY_AWAY: &str = "waiting for the outgoing proxy";

/// Longest response body kept in the execution row, in characters (contract: `responseBody`).
const KEPT_BODY: usize = 10_000;
/// Longest error message kept, in characters (contract: `errorMessage`).
const KEPT_ERROR: usize = 2_000;

/// What an attempt came to.
pub(crate) struct Attempted {
    pub(crate) finished: Finished,
    pub(crate) lesson: Lesson,
}

/// What a call said about its endpoint.
pub(crate) struct Lesson {
    /// What it means for the circuit breaker, with the time the call took.
    pub(crate) result: CallResult,
    pub(crate) took: Duration,
    pub(crate) verdict: Verdict,
    /// Whether a failure counts as the endpoint's.
    pub(crate) charged: bool,
    /// How long the endpoint asked the whole lane to wait.
    pub(crate) asked_wait: Option<Duration>,
}

/// Builds the signed request, or says why it cannot be built.
pub(crate) fn build(
    target: &Target,
    event: &EventInHand,
    attempt: u16,
    destination: Destination,
    at: OffsetDateTime,
) -> Result<WireRequest, Unbuildable> {
    let wire = target.wire.as_ref().map_err(|reason| Unbuildable::OurFault(reason.clone()))?;
    let facts = DeliveryFacts {
        event_id: &event.public_id,
        event_type: event.reference.event_type.as_str(),
        tenant: event.reference.tenant.as_str(),
        source: &event.source,
        occurred_at: event.occurred_at,
        content_type: event.content_type.as_deref(),
        event_headers: event.headers.as_deref(),
        delivery_id: DeliveryId { event: event.reference.row_id, configuration: target.id },
        phase: target.phase,
        attempt,
        at,
        payload: &event.payload,
    };
    let (mut headers, body) = wire.build(&facts).map_err(Unbuildable::from)?;
    if let Some(authorization) = &target.identity.authorization {
        headers.insert(http::header::AUTHORIZATION, authorization.clone());
    }
    Ok(WireRequest { destination, method: target.method.clone(), headers, body, timeout: target.timeout })
}

/// Why a request could not be built.
#[derive(Debug)]
pub(crate) enum Unbuildable {
    /// The event can never be sent this way: the delivery ends here.
    Refused(String),
    /// Something of ours or of the configuration's must be mended first: the delivery waits.
    OurFault(String),
}

impl From<WireError> for Unbuildable {
    fn from(error: WireError) -> Self {
        match error {
            WireError::Payload(_) => Self::Refused(error.to_string()),
            other => Self::OurFault(other.to_string()),
        }
    }
}

/// Everything about an attempt that is known before its outcome.
pub(crate) struct Started {
    pub(crate) at: OffsetDateTime,
    pub(crate) request_headers: String,
    pub(crate) domain: Option<DomainId>,
    pub(crate) jitter: f64,
}

/// Judges an outcome and turns it into what is recorded.
pub(crate) fn conclude(
    target: &Target,
    delivery: DeliveryInHand,
    started: Started,
    outcome: &Outcome,
) -> Attempted {
    let lesson = lesson(target, outcome, started.at);
    let verdict = &lesson.verdict;
    if matches!(verdict, Verdict::Wait { .. }) {
        return Attempted { finished: not_attempted(delivery, PROXY_WAIT, PROXY_AWAY), lesson };
    }
    let (made, elapsed) = this_round(&delivery, started.at + lesson.took);
    let delay = match verdict {
        Verdict::Retry { .. } => {
            next_attempt(&target.retry, made, target.max_attempts, elapsed, started.jitter)
                .map(|delay| delay.max(lesson.asked_wait.unwrap_or_default()))
        }
        Verdict::Delivered | Verdict::Wait { .. } | Verdict::Permanent { .. } | Verdict::Gone => None,
    };
    let (status, tally) = match (verdict, delay) {
        (Verdict::Delivered, _) => (ExecutionStatus::Success, Tally::Success { domain: started.domain }),
        (_, Some(_)) => {
            (ExecutionStatus::FailedRetrying, Tally::Failure { domain: started.domain, last: false })
        }
        (_, None) => {
            (ExecutionStatus::FailedPermanent, Tally::Failure { domain: started.domain, last: true })
        }
    };
    let tally = if lesson.charged { tally } else { Tally::None };
    let execution = NewExecution {
        attempt: delivery.attempt as i16,
        max_attempts: (delivery.attempts_before + target.max_attempts) as i16,
        next_retry_in: delay,
        ..execution(target, started, outcome, status, verdict.reason().map(str::to_owned))
    };
    let next = match delay {
        Some(after) => Next::Attempt { attempt: delivery.attempt as i16 + 1, after, hold_reason: None },
        None => Next::Done,
    };
    Attempted { finished: finish(delivery, Some(execution), next, tally), lesson }
}

/// Judges an outcome.
pub(crate) fn lesson(target: &Target, outcome: &Outcome, at: OffsetDateTime) -> Lesson {
    let verdict = verdict_under(target.profile, outcome);
    let asked_wait = asked_wait(&verdict, outcome, at);
    let result = call_result(outcome, &target.circuit_breaker);
    Lesson { result, took: outcome.timings().total, verdict, charged: is_charged(outcome), asked_wait }
}

/// Attempts made and time passed since the delivery's retries were last granted: with the event, or by a replay, whose time
/// is not bounded by the event's age.
fn this_round(delivery: &DeliveryInHand, now: OffsetDateTime) -> (u16, Duration) {
    let made = delivery.attempt.saturating_sub(delivery.attempts_before);
    let elapsed: SignedDuration = now - delivery.event.reference.accepted_at;
    let elapsed = if delivery.attempts_before == 0 {
        Duration::try_from(elapsed).unwrap_or_default()
    } else {
        Duration::ZERO
    };
    (made, elapsed)
}

/// The time the endpoint asked to be left alone (`Retry-After`), where it means anything.
fn asked_wait(verdict: &Verdict, outcome: &Outcome, at: OffsetDateTime) -> Option<Duration> {
    match (verdict, outcome) {
        (Verdict::Retry { .. }, Outcome::Response(response)) => {
            retry_after(&response.headers, at).filter(|wait| !wait.is_zero())
        }
        _ => None,
    }
}

/// The outcome of a delivery that must never be sent: recorded with attempt 0, as nothing reached the wire.
pub(crate) fn refuse(
    target: &Target,
    delivery: DeliveryInHand,
    at: OffsetDateTime,
    reason: String,
) -> Finished {
    let execution = NewExecution {
        status: ExecutionStatus::FailedPermanent,
        attempt: 0,
        error_message: Some(reason),
        ..blank_execution(target, at)
    };
    finish(delivery, Some(execution), Next::Done, Tally::None)
}

/// What an execution says that recorded a request instead of sending it.
pub(crate) const DRY_RUN: &str = "dry run: the request was built and signed, and not sent";

/// The outcome of a delivery that is not sent on purpose: the request is on record as it would have been.
pub(crate) fn dry_run(target: &Target, delivery: DeliveryInHand, started: Started) -> Finished {
    let execution = dry_execution(target, started);
    finish(delivery, Some(execution), Next::Done, Tally::None)
}

/// Its row.
pub(crate) fn dry_execution(target: &Target, started: Started) -> NewExecution {
    NewExecution {
        status: ExecutionStatus::Skipped,
        request_headers: Some(started.request_headers),
        error_message: Some(DRY_RUN.to_owned()),
        ..blank_execution(target, started.at)
    }
}

/// The outcome of an attempt that an open circuit breaker failed before the wire: it counts, and is retried like any other.
pub(crate) fn burn(target: &Target, delivery: DeliveryInHand, at: OffsetDateTime, jitter: f64) -> Finished {
    let (made, elapsed) = this_round(&delivery, at);
    let delay = next_attempt(&target.retry, made, target.max_attempts, elapsed, jitter);
    let status =
        if delay.is_some() { ExecutionStatus::FailedRetrying } else { ExecutionStatus::FailedPermanent };
    let execution = NewExecution {
        status,
        attempt: delivery.attempt as i16,
        max_attempts: (delivery.attempts_before + target.max_attempts) as i16,
        error_message: Some("Circuit breaker is open".to_owned()),
        next_retry_in: delay,
        ..blank_execution(target, at)
    };
    let next = delay.map_or(Next::Done, |after| Next::Attempt {
        attempt: delivery.attempt as i16 + 1,
        after,
        hold_reason: None,
    });
    let tally = Tally::Failure { domain: None, last: delay.is_none() };
    finish(delivery, Some(execution), next, tally)
}

/// The outcome of a delivery that could not be built: it waits, and an operator is told.
pub(crate) fn our_fault(delivery: DeliveryInHand) -> Finished {
    not_attempted(delivery, OUR_FAULT_WAIT, "could not be signed")
}

/// A delivery that goes back to the queue table, to be taken up when its lane allows it.
pub(crate) fn postpone(delivery: DeliveryInHand, reason: &'static str) -> Finished {
    not_attempted(delivery, Duration::ZERO, reason)
}

/// A delivery that keeps its attempt.
fn not_attempted(delivery: DeliveryInHand, after: Duration, reason: &'static str) -> Finished {
    let next = Next::Attempt { attempt: delivery.attempt as i16, after, hold_reason: Some(reason) };
    finish(delivery, None, next, Tally::None)
}

/// A delivery whose configuration is gone.
pub(crate) fn drop_deleted(delivery: DeliveryInHand) -> Finished {
    finish(delivery, None, Next::Done, Tally::None)
}

fn finish(delivery: DeliveryInHand, execution: Option<NewExecution>, next: Next, tally: Tally) -> Finished {
    let settled = Settled {
        event: delivery.event.reference.clone(),
        configuration_id: delivery.configuration,
        from_queue: delivery.lease.held_by == super::in_hand::LeaseRow::DeliveryQueue,
        execution,
        next,
    };
    Finished { settled, receipt: Receipt { lease: delivery.lease, tally, _room: delivery.room } }
}

/// A row nothing is known for yet, but what the configuration says.
pub(crate) fn blank_execution(target: &Target, at: OffsetDateTime) -> NewExecution {
    NewExecution {
        id: ExecutionId::now_v7(),
        status: ExecutionStatus::Pending,
        attempt: 0,
        max_attempts: target.max_attempts as i16,
        started_at: at,
        duration_us: None,
        response_status: None,
        response_headers: None,
        response_body: None,
        request_headers: None,
        error_message: None,
        dns_us: None,
        connect_us: None,
        tls_us: None,
        first_byte_us: None,
        next_retry_in: None,
    }
}

/// The row of a call that was made, but for the numbers of its attempts.
pub(crate) fn execution(
    target: &Target,
    started: Started,
    outcome: &Outcome,
    status: ExecutionStatus,
    error: Option<String>,
) -> NewExecution {
    let timings = outcome.timings();
    let (response_status, response_headers, response_body) = match outcome {
        Outcome::Response(response) => (
            Some(response.status as i16),
            Some(redacted(&response.headers)),
            Some(kept_text(&response.body, KEPT_BODY)),
        ),
        Outcome::Failure(_) => (None, None, None),
    };
    NewExecution {
        status,
        duration_us: Some(micros(timings.total)),
        response_status,
        response_headers,
        response_body: response_body.filter(|body| !body.is_empty()),
        request_headers: Some(started.request_headers),
        error_message: error.map(|message| message.chars().take(KEPT_ERROR).collect()),
        dns_us: timings.dns.map(micros),
        connect_us: timings.connect.map(micros),
        tls_us: timings.tls.map(micros),
        first_byte_us: timings.first_byte.map(micros),
        ..blank_execution(target, started.at)
    }
}

/// The first `limit` characters as text PostgreSQL can store: no NUL, invalid UTF-8 replaced.
fn kept_text(bytes: &[u8], limit: usize) -> String {
    let head = bytes.get(..limit * 4).unwrap_or(bytes);
    String::from_utf8_lossy(head).chars().filter(|c| *c != '\0').take(limit).collect()
}

fn micros(duration: Duration) -> i32 {
    i32::try_from(duration.as_micros()).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kept_text_is_cut_and_storable() {
        assert_eq!(kept_text("héllo".as_bytes(), 2), "hé");
        assert_eq!(kept_text(b"a\0b", 10), "ab");
        assert_eq!(kept_text(&[0xff, b'x'], 10), "\u{fffd}x");
    }
}
