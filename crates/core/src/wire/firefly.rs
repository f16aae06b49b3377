//! The FIREFLY profile: the payload as the body, and Firefly's four headers beside ours.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::facts::{DeliveryFacts, WireError};
use super::headers::{header_text, instant_text};
use super::recipe::Recipe;

pub(super) const RECIPE: Recipe = Recipe { constant_headers, fact_headers, body };

const EVENT_TYPE: HeaderName = HeaderName::from_static("x-event-type");
const EVENT_ID: HeaderName = HeaderName::from_static("x-event-id");
const TIMESTAMP: HeaderName = HeaderName::from_static("x-timestamp");
/// Not Firefly's: the same for every attempt, so that receivers recognise a repeat.
const DELIVERY_ID: HeaderName = HeaderName::from_static("x-delivery-id");
const DELIVERY_ATTEMPT: HeaderName = HeaderName::from_static("x-delivery-attempt");

fn constant_headers() -> Vec<(HeaderName, HeaderValue)> {
    let user_agent = HeaderValue::from_static(concat!("Callbacks/", env!("CARGO_PKG_VERSION")));
    vec![(CONTENT_TYPE, HeaderValue::from_static("application/json")), (USER_AGENT, user_agent)]
}

fn fact_headers(facts: &DeliveryFacts<'_>, headers: &mut HeaderMap) -> Result<(), WireError> {
    let text = |text: String| HeaderValue::try_from(text).map_err(|_| WireError::HeaderValue);
    headers.insert(EVENT_TYPE, text(header_text(facts.event_type).into_owned())?);
    headers.insert(EVENT_ID, text(header_text(facts.event_id).into_owned())?);
    headers.insert(TIMESTAMP, text(instant_text(facts.at))?);
    headers.insert(DELIVERY_ID, text(facts.delivery_id.to_string())?);
    headers.insert(DELIVERY_ATTEMPT, HeaderValue::from(facts.attempt));
    Ok(())
}

fn body(facts: &DeliveryFacts<'_>) -> Bytes {
    facts.payload.clone()
}
