//! What a wire profile is made of.

use http::{HeaderMap, HeaderName, HeaderValue};

use super::envelope::Composed;
use super::facts::{DeliveryFacts, WireError};

/// What a profile decides by code. Its envelope, body form and schemes are decided by name, in `interfaces`, because the
/// API must know them; a new profile is one file with one of these and one line in the table.
pub(super) struct Recipe {
    /// Headers that are the same for every delivery.
    pub(super) constant_headers: fn() -> Vec<(HeaderName, HeaderValue)>,
    /// Headers that state facts about one delivery and its body.
    pub(super) fact_headers: FactHeaders,
}

/// Adds headers to a delivery.
pub(super) type FactHeaders = fn(&DeliveryFacts<'_>, &Composed, &mut HeaderMap) -> Result<(), WireError>;
