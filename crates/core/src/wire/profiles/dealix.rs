//! The DEALIX profile: Dealix's user agent and its three headers.

use http::header::USER_AGENT;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::delivery_headers::{fact, identify, json};
use crate::wire::envelope::Composed;
use crate::wire::facts::{DeliveryFacts, WireError};
use crate::wire::recipe::Recipe;

pub(in crate::wire) const RECIPE: Recipe = Recipe { constant_headers, fact_headers };

const EVENT_ID: HeaderName = HeaderName::from_static("dealix-event-id");
const EVENT_TYPE: HeaderName = HeaderName::from_static("dealix-event-type");
const ATTEMPT: HeaderName = HeaderName::from_static("dealix-delivery-attempt");

fn constant_headers() -> Vec<(HeaderName, HeaderValue)> {
    let mut headers = json();
    headers.retain(|(name, _)| *name != USER_AGENT);
    headers.push((USER_AGENT, HeaderValue::from_static("Dealix-Webhooks/1.0")));
    headers
}

fn fact_headers(facts: &DeliveryFacts<'_>, _: &Composed, headers: &mut HeaderMap) -> Result<(), WireError> {
    headers.insert(EVENT_ID, fact(facts.event_id)?);
    headers.insert(EVENT_TYPE, fact(facts.event_type)?);
    headers.insert(ATTEMPT, HeaderValue::from(facts.attempt));
    identify(facts, headers)
}
