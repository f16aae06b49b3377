//! What a token must say to be accepted, and how its provider's keys are looked after.

use std::collections::HashMap;
use std::time::Duration;

use super::claim_path::ClaimPath;
use super::signature_algorithm::SignatureAlgorithm;
use crate::access::role::Role;

/// The rules for tokens.
#[derive(Debug, Clone)]
pub struct TokenSettings {
    /// The `iss` of every token.
    pub issuer: String,
    /// One of them must be in the `aud` of every token.
    pub audiences: Vec<String>,
    /// What may have signed it.
    pub algorithms: Vec<SignatureAlgorithm>,
    /// How far the provider's clock may be off.
    pub leeway: Duration,
    /// Where the tenant stands.
    pub tenant_claim: ClaimPath,
    /// Where the role stands: a text, several separated by white space, or a list.
    pub role_claim: ClaimPath,
    /// Which role a value of that claim means. Values not listed mean nothing.
    pub role_names: HashMap<String, Role>,
    /// Requests a second one subject may make on this replica; `None` for any number.
    pub requests_per_second: Option<u32>,
}

/// The rules for the provider's keys.
#[derive(Debug, Clone)]
pub struct KeySetSettings {
    /// How often they are looked at.
    pub refresh_every: Duration,
    /// Least time between two looks, whatever tokens ask for.
    pub refresh_floor: Duration,
    /// How long keys are trusted that the provider has not confirmed.
    pub trusted_for: Duration,
}
