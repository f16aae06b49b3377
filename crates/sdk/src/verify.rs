//! Verification of a callback's signature, without a runtime.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq as _};

use crate::scheme::SignatureScheme;

/// Why a callback must not be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// The signature header is missing or not of the scheme's form.
    #[error("the signature header is malformed")]
    MalformedHeader,
    /// The signature is not the body's under any of the secrets: another secret, or another body.
    #[error("the signature does not match the body under any of the secrets")]
    Mismatch,
    /// There is no secret to verify with.
    #[error("no secret was given to verify with")]
    NoSecret,
}

/// Verifies a callback under any of several secrets: during a rotation the sender may use either.
///
/// `body` must be the bytes as received, before any parsing.
///
/// # Errors
/// When the callback must not be trusted.
pub fn verify(
    scheme: SignatureScheme,
    secrets: &[&str],
    body: &[u8],
    header: &str,
) -> Result<(), VerifyError> {
    if secrets.is_empty() {
        return Err(VerifyError::NoSecret);
    }
    match scheme {
        SignatureScheme::Firefly => {
            let signature = STANDARD.decode(header.trim()).map_err(|_| VerifyError::MalformedHeader)?;
            if signature.len() != SHA256_OCTETS {
                return Err(VerifyError::MalformedHeader);
            }
            // Every secret is tried, so that the time taken does not tell which one matched.
            let matched = secrets
                .iter()
                .fold(Choice::from(0), |matched, secret| matched | is_hmac_sha256(&signature, secret, body));
            if matched.into() { Ok(()) } else { Err(VerifyError::Mismatch) }
        }
    }
}

/// Verifies a callback signed the Firefly way, under one secret.
///
/// # Errors
/// When the callback must not be trusted.
pub fn verify_firefly(secret: &str, body: &[u8], header: &str) -> Result<(), VerifyError> {
    verify(SignatureScheme::Firefly, &[secret], body, header)
}

const SHA256_OCTETS: usize = 32;

fn is_hmac_sha256(signature: &[u8], secret: &str, body: &[u8]) -> Choice {
    // HMAC takes keys of every length (RFC 2104), so there is always one; without one nothing matches.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else {
        return Choice::from(0);
    };
    mac.update(body);
    mac.finalize().into_bytes().as_slice().ct_eq(signature)
}
