//! The SVC_INFRA profile: `X-Topic`, `X-Attempt`, `X-Event-Id`, `X-Webhook-Subscription`, and the body's own `version`.
//! svc-infra's event id was an outbox number of its own for every subscription; here it is the event's id.

use http::{HeaderMap, HeaderName, HeaderValue};

use super::delivery_headers::{fact, identify, json, value};
use crate::wire::envelope::Composed;
use crate::wire::facts::{DeliveryFacts, WireError};
use crate::wire::recipe::Recipe;

pub(in crate::wire) const RECIPE: Recipe = Recipe { constant_headers: json, fact_headers };

const EVENT_ID: HeaderName = HeaderName::from_static("x-event-id");
const TOPIC: HeaderName = HeaderName::from_static("x-topic");
const ATTEMPT: HeaderName = HeaderName::from_static("x-attempt");
const SUBSCRIPTION: HeaderName = HeaderName::from_static("x-webhook-subscription");
const PAYLOAD_VERSION: HeaderName = HeaderName::from_static("x-payload-version");

fn fact_headers(
    facts: &DeliveryFacts<'_>,
    made: &Composed,
    headers: &mut HeaderMap,
) -> Result<(), WireError> {
    headers.insert(EVENT_ID, fact(facts.event_id)?);
    headers.insert(TOPIC, fact(facts.event_type)?);
    headers.insert(ATTEMPT, HeaderValue::from(facts.attempt));
    // svc-infra's subscription ids were UUIDs without hyphens, and so is this.
    let subscription = facts.delivery_id.configuration.uuid().simple().to_string();
    headers.insert(SUBSCRIPTION, value(subscription)?);
    if let Some(version) = &made.version {
        headers.insert(PAYLOAD_VERSION, fact(version)?);
    }
    identify(facts, headers)
}
