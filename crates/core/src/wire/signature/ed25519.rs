//! Ed25519 keys: made, and turned into what receivers need to verify with them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use callbacks_interfaces::secret::SecretText;
use callbacks_interfaces::whsec::{KeyFormError, PRIVATE_PREFIX, private_seed};
use ed25519_dalek::SigningKey;

use super::keys::SigningKeys;
use super::standard_webhooks_ed25519::ring;

/// A private key (`whsk_…`) made of 32 random bytes.
#[must_use]
pub fn generated_key(seed: &[u8; 32]) -> Option<SecretText> {
    SecretText::try_from(format!("{PRIVATE_PREFIX}{}", STANDARD.encode(seed))).ok()
}

/// The public key of a private one, as its 32 bytes.
///
/// # Errors
/// When it is no private key.
pub fn public_key(private: &SecretText) -> Result<[u8; 32], KeyFormError> {
    Ok(signing_key(private)?.verifying_key().to_bytes())
}

pub(super) fn signing_key(private: &SecretText) -> Result<SigningKey, KeyFormError> {
    private_seed(private.expose()).map(|seed| SigningKey::from_bytes(&seed))
}

/// The public keys of a configuration that signs with Ed25519, the current one first.
pub(crate) fn public_keys(keys: &SigningKeys<'_>) -> Vec<[u8; 32]> {
    let Ok(ring) = ring(keys) else { return Vec::new() };
    let previous = ring.previous.iter().map(|(key, _)| key);
    std::iter::once(&ring.current).chain(previous).map(|key| key.verifying_key().to_bytes()).collect()
}
