//! What was accepted, against what was received.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{Duration, Instant};

use callbacks_testkit::webhook_receiver::{ReceivedRequest, WebhookReceiver};

use super::arrival::{delivery_id, number};

/// An accepted event.
#[derive(Debug, Clone)]
pub(crate) struct Accepted {
    /// The service's id of it.
    pub(crate) event_id: String,
    /// Which of the producer's replicas accepted it.
    pub(crate) replica: usize,
}

/// Accepted events by the number in their payload.
pub(crate) type Ledger = BTreeMap<u64, Accepted>;

/// Numbers accepted and not (yet) received.
pub(crate) fn missing(ledger: &Ledger, receiver: &WebhookReceiver) -> BTreeSet<u64> {
    let received: BTreeSet<u64> = receiver.requests().iter().filter_map(number).collect();
    ledger.keys().copied().filter(|number| !received.contains(number)).collect()
}

/// All receipts of each number that was received more than once.
pub(crate) fn repeated(receiver: &WebhookReceiver) -> BTreeMap<u64, Vec<ReceivedRequest>> {
    let mut by_number = BTreeMap::<u64, Vec<ReceivedRequest>>::new();
    for request in receiver.requests() {
        if let Some(number) = number(&request) {
            by_number.entry(number).or_default().push(request);
        }
    }
    by_number.retain(|_, receipts| receipts.len() > 1);
    by_number
}

/// Checks that only what was unfinished at one of `crashes` was sent again, and sent again as it was.
///
/// A delivery whose outcome is committed is never repeated, and outcomes are committed within milliseconds. So each
/// earlier receipt lies shortly before a crash; `slack` covers the receiver's own delay and a slow disk.
pub(crate) fn assert_repeats_only_the_unfinished(
    receiver: &WebhookReceiver,
    crashes: &[Instant],
    slack: Duration,
) {
    for (number, receipts) in repeated(receiver) {
        for pair in receipts.windows(2) {
            let (earlier, later) = (pair[0].received_at, pair[1].received_at);
            let unfinished = crashes
                .iter()
                .any(|crash| *crash < later && crash.saturating_duration_since(earlier) <= slack);
            assert!(unfinished, "event {number} was sent again though no crash interrupted it");
            assert_eq!(pair[0].body, pair[1].body, "a repeat carries the same bytes");
            assert!(delivery_id(&pair[0]).is_some(), "a delivery carries its id");
            assert_eq!(delivery_id(&pair[0]), delivery_id(&pair[1]), "a repeat carries the same delivery id");
        }
    }
}

/// Checks against the service's own record: of each accepted event exactly one SUCCESS.
pub(crate) fn assert_one_success_each(ledger: &Ledger, successes: &[serde_json::Value]) {
    let mut by_event = HashMap::<&str, usize>::new();
    for success in successes {
        let event = success["eventId"].as_str().expect("an execution names its event");
        *by_event.entry(event).or_default() += 1;
        assert!(success["attemptNumber"].as_i64() >= Some(1), "attempts count from 1: {success}");
        assert!(success["nextRetryAt"].is_null(), "nothing is due after a success: {success}");
    }
    for (event, count) in &by_event {
        assert_eq!(*count, 1, "event {event} has {count} successful executions");
    }
    for (number, accepted) in ledger {
        let event = accepted.event_id.as_str();
        assert!(by_event.contains_key(event), "event {number} ({event}) has no successful execution");
    }
}
