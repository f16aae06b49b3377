//! Headers of ours that every profile sends beside its system's own.

use http::header::{CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::hop_count;
use crate::wire::facts::{DeliveryFacts, WireError};
use crate::wire::headers::header_text;

/// The same for every attempt, so that receivers recognise a repeat.
const DELIVERY_ID: HeaderName = HeaderName::from_static("x-delivery-id");
const DELIVERY_ATTEMPT: HeaderName = HeaderName::from_static("x-delivery-attempt");
const HOPS: HeaderName = HeaderName::from_static("x-callbacks-hops");

/// A content type, and who sends it.
pub(super) fn common(content_type: &'static str) -> Vec<(HeaderName, HeaderValue)> {
    let user_agent = HeaderValue::from_static(concat!("Callbacks/", env!("CARGO_PKG_VERSION")));
    vec![(CONTENT_TYPE, HeaderValue::from_static(content_type)), (USER_AGENT, user_agent)]
}

/// Content type JSON, and who sends it.
pub(in crate::wire) fn json() -> Vec<(HeaderName, HeaderValue)> {
    common("application/json")
}

/// The delivery's id, the attempt's number, and how often its event was passed on.
pub(super) fn identify(facts: &DeliveryFacts<'_>, headers: &mut HeaderMap) -> Result<(), WireError> {
    headers.insert(DELIVERY_ID, value(facts.delivery_id.to_string())?);
    headers.insert(DELIVERY_ATTEMPT, HeaderValue::from(facts.attempt));
    headers.insert(HOPS, HeaderValue::from(hop_count::of_delivery(facts.event_headers)));
    Ok(())
}

/// A fact as a header's value, percent-encoded where it must be.
pub(super) fn fact(text: &str) -> Result<HeaderValue, WireError> {
    value(header_text(text).into_owned())
}

/// A text that is safe already.
pub(super) fn value(text: String) -> Result<HeaderValue, WireError> {
    HeaderValue::try_from(text).map_err(|_| WireError::HeaderValue)
}
