//! The SERVO profile: servo-webhooks' vendor content type. What the event is says the body.

use http::{HeaderMap, HeaderName, HeaderValue};

use super::delivery_headers::{common, identify};
use crate::wire::envelope::Composed;
use crate::wire::facts::{DeliveryFacts, WireError};
use crate::wire::recipe::Recipe;

pub(in crate::wire) const RECIPE: Recipe = Recipe { constant_headers, fact_headers };

fn constant_headers() -> Vec<(HeaderName, HeaderValue)> {
    common("application/vnd.opsani.servo-webhooks+json")
}

fn fact_headers(facts: &DeliveryFacts<'_>, _: &Composed, headers: &mut HeaderMap) -> Result<(), WireError> {
    identify(facts, headers)
}
