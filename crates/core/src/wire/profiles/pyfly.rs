//! The PYFLY profile: pyfly.callbacks says nothing about an event in its headers, so there are only ours.

use http::HeaderMap;

use super::delivery_headers::{identify, json};
use crate::wire::envelope::Composed;
use crate::wire::facts::{DeliveryFacts, WireError};
use crate::wire::recipe::Recipe;

pub(in crate::wire) const RECIPE: Recipe = Recipe { constant_headers: json, fact_headers };

fn fact_headers(facts: &DeliveryFacts<'_>, _: &Composed, headers: &mut HeaderMap) -> Result<(), WireError> {
    identify(facts, headers)
}
