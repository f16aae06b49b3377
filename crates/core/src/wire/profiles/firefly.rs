//! The FIREFLY profile: Firefly's four headers beside ours.

use http::{HeaderMap, HeaderName};

use super::delivery_headers::{fact, identify, json, value};
use crate::wire::envelope::Composed;
use crate::wire::facts::{DeliveryFacts, WireError};
use crate::wire::headers::instant_text;
use crate::wire::recipe::Recipe;

pub(in crate::wire) const RECIPE: Recipe = Recipe { constant_headers: json, fact_headers };

const EVENT_TYPE: HeaderName = HeaderName::from_static("x-event-type");
const EVENT_ID: HeaderName = HeaderName::from_static("x-event-id");
const TIMESTAMP: HeaderName = HeaderName::from_static("x-timestamp");

fn fact_headers(facts: &DeliveryFacts<'_>, _: &Composed, headers: &mut HeaderMap) -> Result<(), WireError> {
    headers.insert(EVENT_TYPE, fact(facts.event_type)?);
    headers.insert(EVENT_ID, fact(facts.event_id)?);
    headers.insert(TIMESTAMP, value(instant_text(facts.at))?);
    identify(facts, headers)
}
