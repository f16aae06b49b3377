//! Tokens of an identity provider (JWT, RFC 7519), an alternative to API keys.
//!
//! `recognition` takes a token apart, asks `key_set` for the key its header names and checks the signature with it; only
//! then are its claims looked at (`claims`, found along a `claim_path`), which say who is asking, in which role and for
//! which tenant. `key_set_keeper` holds the provider's public keys (JWKS, RFC 7517): looked at regularly, and once more
//! when a token names a key nobody knows, but never more often than a floor allows. `key_set_source` is how they are
//! fetched. What the algorithms are that may sign is a setting (`signature_algorithm`), never the token's choice.
//!
//! Deliberately absent: secrets shared with the provider (HS256 and its like), unsigned tokens, keys that come along with
//! a token (`jwk`, `jku`, `x5u`), sessions. Invariant: nothing in a token is believed before its signature is.

pub mod claim_path;
pub mod claims;
pub mod key_set;
pub mod key_set_keeper;
pub mod key_set_source;
pub mod pace;
pub mod recognition;
pub mod settings;
pub mod signature_algorithm;
