//! The STANDARD_WEBHOOKS profile. Its three headers come with the signature; `webhook-id` and `webhook-timestamp` are
//! sent unsigned deliveries too, because receivers recognise repeats by the id.

use http::{HeaderMap, HeaderName, HeaderValue};

use super::delivery_headers::{identify, json, value};
use crate::wire::envelope::Composed;
use crate::wire::facts::{DeliveryFacts, WireError};
use crate::wire::recipe::Recipe;
use crate::wire::signature::message_id;

pub(in crate::wire) const RECIPE: Recipe = Recipe { constant_headers: json, fact_headers };

const ID: HeaderName = HeaderName::from_static("webhook-id");
const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");

fn fact_headers(facts: &DeliveryFacts<'_>, _: &Composed, headers: &mut HeaderMap) -> Result<(), WireError> {
    headers.insert(ID, value(message_id(facts.event_id))?);
    headers.insert(TIMESTAMP, HeaderValue::from(facts.at.unix_timestamp()));
    identify(facts, headers)
}
