//! What a wire profile is made of.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::facts::{DeliveryFacts, WireError};

/// What a profile decides. A new profile is one file with one of these and one line in the table.
pub(super) struct Recipe {
    /// Headers that are the same for every delivery.
    pub(super) constant_headers: fn() -> Vec<(HeaderName, HeaderValue)>,
    /// Headers that state facts about one delivery.
    pub(super) fact_headers: fn(&DeliveryFacts<'_>, &mut HeaderMap) -> Result<(), WireError>,
    /// The body, made of the payload.
    pub(super) body: fn(&DeliveryFacts<'_>) -> Bytes,
}
