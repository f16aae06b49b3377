//! What a test wants to know of a request that arrived.

use callbacks_testkit::webhook_receiver::{ReceivedRequest, WebhookReceiver};

/// The number that [`super::producer`] puts into each payload.
pub(crate) fn number(request: &ReceivedRequest) -> Option<u64> {
    serde_json::from_slice::<serde_json::Value>(&request.body).ok()?["number"].as_u64()
}

/// The stable delivery id, whichever header carries it.
pub(crate) fn delivery_id(request: &ReceivedRequest) -> Option<&str> {
    let texts = request.headers.values().filter_map(|value| value.to_str().ok());
    texts.into_iter().find(|value| value.starts_with("dlv_"))
}

/// A header's text.
pub(crate) fn header<'a>(request: &'a ReceivedRequest, name: &str) -> Option<&'a str> {
    request.headers.get(name)?.to_str().ok()
}

/// Requests to `path` so far.
pub(crate) fn at(receiver: &WebhookReceiver, path: &str) -> Vec<ReceivedRequest> {
    receiver.requests().into_iter().filter(|request| request.path == path).collect()
}

/// The numbers of `requests`, in ascending order; requests without one are left out.
pub(crate) fn numbers(requests: &[ReceivedRequest]) -> Vec<u64> {
    let mut numbers: Vec<u64> = requests.iter().filter_map(number).collect();
    numbers.sort_unstable();
    numbers
}
