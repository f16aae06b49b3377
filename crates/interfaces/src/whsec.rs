//! Secrets of Standard Webhooks, which are base64 of a key behind a prefix.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

use crate::signature_scheme::SignatureScheme;

/// Standard alphabet; padding may be left out.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Prefix of symmetric secrets.
pub const SYMMETRIC_PREFIX: &str = "whsec_";
/// Prefix of Ed25519 private keys.
pub const PRIVATE_PREFIX: &str = "whsk_";
/// Prefix of Ed25519 public keys.
pub const PUBLIC_PREFIX: &str = "whpk_";

/// The text is no such key. No message quotes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFormError {
    /// Not base64, or of nothing.
    #[error("Secret must be whsec_ and base64 of the key (Standard Webhooks)")]
    Symmetric,
    /// Not base64 of a private key.
    #[error("Secret must be whsk_ and base64 of 32 or 64 bytes (Standard Webhooks, Ed25519)")]
    Private,
    /// Not base64 of a public key.
    #[error("Public key must be whpk_ and base64 of 32 bytes (Standard Webhooks, Ed25519)")]
    Public,
}

/// What is wrong with a secret for these schemes; most take any text.
#[must_use]
pub fn form_problems(secret: &str, schemes: &[SignatureScheme]) -> Vec<KeyFormError> {
    let mut problems = Vec::new();
    if schemes.contains(&SignatureScheme::StandardWebhooks) {
        problems.extend(symmetric_key(secret).err());
    }
    if schemes.contains(&SignatureScheme::StandardWebhooksEd25519) && secret.starts_with(PRIVATE_PREFIX) {
        problems.extend(private_seed(secret).err());
    }
    problems
}

/// The key of a symmetric secret; the prefix may be missing.
///
/// # Errors
/// When it is not base64, or empty.
pub fn symmetric_key(secret: &str) -> Result<Zeroizing<Vec<u8>>, KeyFormError> {
    let encoded = secret.strip_prefix(SYMMETRIC_PREFIX).unwrap_or(secret);
    match LENIENT.decode(encoded) {
        Ok(key) if !key.is_empty() => Ok(Zeroizing::new(key)),
        Ok(_) | Err(_) => Err(KeyFormError::Symmetric),
    }
}

/// The seed of an Ed25519 private key: 32 bytes, or the first 32 of the 64-byte form.
///
/// # Errors
/// When it is not of that form.
pub fn private_seed(secret: &str) -> Result<Zeroizing<[u8; 32]>, KeyFormError> {
    let encoded = secret.strip_prefix(PRIVATE_PREFIX).ok_or(KeyFormError::Private)?;
    let bytes = LENIENT.decode(encoded).map(Zeroizing::new).map_err(|_| KeyFormError::Private)?;
    match bytes.first_chunk() {
        Some(seed) if matches!(bytes.len(), 32 | 64) => Ok(Zeroizing::new(*seed)),
        _ => Err(KeyFormError::Private),
    }
}

/// The bytes of an Ed25519 public key; the prefix may be missing.
///
/// # Errors
/// When it is not of that form.
pub fn public_key(text: &str) -> Result<[u8; 32], KeyFormError> {
    let encoded = text.strip_prefix(PUBLIC_PREFIX).unwrap_or(text);
    let bytes = LENIENT.decode(encoded).map_err(|_| KeyFormError::Public)?;
    bytes.try_into().map_err(|_| KeyFormError::Public)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_and_padding_may_be_left_out() {
        let key = symmetric_key("whsec_AQID").expect("base64");
        assert_eq!(key.as_slice(), [1, 2, 3]);
        assert_eq!(symmetric_key("AQ").expect("base64").as_slice(), [1]);
        assert_eq!(symmetric_key("AQ==").expect("base64").as_slice(), [1]);
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for text in ["whsec_", "", "topsecret", "whsec_a b", "whsec_päß"] {
            assert_eq!(symmetric_key(text).expect_err("refused"), KeyFormError::Symmetric, "{text}");
        }
        for text in ["whsec_AQID", "whsk_AQID", "whsk_", ""] {
            assert_eq!(private_seed(text).expect_err("refused"), KeyFormError::Private, "{text}");
        }
    }

    #[test]
    fn both_forms_of_a_private_key_are_one() {
        let long = private_seed(
            "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==",
        );
        let short = private_seed("whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbc=");
        assert_eq!(long.expect("valid"), short.expect("valid"));
    }
}
