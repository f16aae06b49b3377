//! The CLOUDEVENTS profile: CloudEvents 1.0 over HTTP. In structured mode (envelope `CLOUDEVENTS`) the attributes are in
//! the body; in binary mode (any other) they are headers `ce-…` and the body is the data.

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::delivery_headers::{fact, identify, json, value};
use crate::wire::envelope::Composed;
use crate::wire::envelope_fields::{Part, attributes};
use crate::wire::facts::{DeliveryFacts, WireError};
use crate::wire::headers::header_text;
use crate::wire::recipe::Recipe;
use callbacks_interfaces::envelope::Envelope;

pub(in crate::wire) const RECIPE: Recipe = Recipe { constant_headers: json, fact_headers };

fn fact_headers(
    facts: &DeliveryFacts<'_>,
    made: &Composed,
    headers: &mut HeaderMap,
) -> Result<(), WireError> {
    if made.envelope == Envelope::CloudEvents {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/cloudevents+json; charset=utf-8"));
        return identify(facts, headers);
    }
    if let Some(media) = facts.content_type {
        headers.insert(CONTENT_TYPE, HeaderValue::from_str(media).or_else(|_| fact(media))?);
    }
    for attribute in attributes(facts) {
        let Part::Text(text) = attribute.part else { continue };
        let name =
            HeaderName::try_from(format!("ce-{}", attribute.name)).map_err(|_| WireError::HeaderValue)?;
        headers.insert(name, value(attribute_text(&text))?);
    }
    identify(facts, headers)
}

/// HTTP protocol binding, section 3.1.3.2: the double quote is encoded too.
fn attribute_text(text: &str) -> String {
    header_text(text).replace('"', "%22")
}
