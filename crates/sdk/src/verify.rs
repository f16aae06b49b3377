//! Verification of a callback's signature, without a runtime.
//!
//! [`verify_request`] takes everything a scheme may look at: the headers, the body, and the time. Schemes whose signature
//! covers the body alone can also be verified with [`verify`].

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::received::Received;
use crate::scheme::SignatureScheme;
use crate::{hex_signature, standard_webhooks, stripe_signature};

/// How far a signed time may lie from now, in both directions: what Stripe, Dealix and Standard Webhooks use.
pub const TOLERANCE: Duration = Duration::from_secs(300);

/// Why a callback must not be trusted. [`VerifyError::code`] gives the names Dealix's receivers know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The signature header is missing or not of the scheme's form.
    #[error("the signature header is malformed")]
    MalformedHeader,
    /// The signed time is no number.
    #[error("the signature's timestamp is not a number of seconds")]
    BadTimestamp,
    /// No signature of a known version is there.
    #[error("the signature header has no signature of a known version")]
    MissingV1,
    /// The signed time lies too far from now: a replay, or a clock that is wrong.
    #[error("the signature is stale: its timestamp lies too far from now")]
    StaleSignature,
    /// The signature is not the body's under any of the secrets: another secret, or another body.
    #[error("the signature does not match the body under any of the secrets")]
    Mismatch,
    /// There is no secret to verify with.
    #[error("no secret was given to verify with")]
    NoSecret,
    /// A secret is not of the form the scheme needs.
    #[error("a secret is not of the form the scheme needs")]
    MalformedSecret,
}

impl VerifyError {
    /// The error's name, as Dealix and compatible receivers call it.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::MalformedHeader => "malformed_header",
            Self::BadTimestamp => "bad_timestamp",
            Self::MissingV1 => "missing_v1",
            Self::StaleSignature => "stale_signature",
            Self::Mismatch => "signature_mismatch",
            Self::NoSecret => "no_secret",
            Self::MalformedSecret => "malformed_secret",
        }
    }
}

/// Verifies a callback under any of several secrets: during a rotation the sender may use either. For
/// `STANDARD_WEBHOOKS_ED25519` the secrets are public keys (`whpk_…`).
///
/// The body must be the bytes as received, before any parsing.
///
/// # Errors
/// When the callback must not be trusted. `NONE` is no signature and always fails.
pub fn verify_request(
    scheme: SignatureScheme,
    secrets: &[&str],
    received: &Received<'_>,
) -> Result<(), VerifyError> {
    if secrets.is_empty() {
        return Err(VerifyError::NoSecret);
    }
    let name = received.signature_header.unwrap_or(scheme.default_header());
    let header = received.header(name).ok_or(VerifyError::MalformedHeader)?;
    match scheme {
        SignatureScheme::Stripe => stripe_signature::verify(secrets, received, header),
        SignatureScheme::StandardWebhooks | SignatureScheme::StandardWebhooksEd25519 => {
            standard_webhooks::verify(scheme, secrets, received, name, header)
        }
        _ => verify(scheme, secrets, received.body, header),
    }
}

/// Verifies a callback by the value of its signature header. `STRIPE`'s time is compared with the machine's clock;
/// Standard Webhooks needs more headers than this one and always fails here: use [`verify_request`].
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
        SignatureScheme::Firefly => hex_signature::firefly(secrets, body, header),
        // pyfly's own validator takes the signature with and without its prefix.
        SignatureScheme::Pyfly | SignatureScheme::FireflyRust => {
            hex_signature::sha256(secrets, body, header.strip_prefix("sha256=").unwrap_or(header))
        }
        SignatureScheme::SvcInfra => hex_signature::sha256(secrets, body, header),
        SignatureScheme::ServoSha1 => hex_signature::sha1(secrets, body, header),
        SignatureScheme::Stripe => {
            let received = Received::new(&[], body, machine_time());
            stripe_signature::verify(secrets, &received, header)
        }
        SignatureScheme::StandardWebhooks
        | SignatureScheme::StandardWebhooksEd25519
        | SignatureScheme::None => Err(VerifyError::MalformedHeader),
    }
}

/// Verifies a callback signed the Firefly way, under one secret.
///
/// # Errors
/// When the callback must not be trusted.
pub fn verify_firefly(secret: &str, body: &[u8], header: &str) -> Result<(), VerifyError> {
    verify(SignatureScheme::Firefly, &[secret], body, header)
}

/// Seconds since 1970 by the machine's clock.
#[expect(clippy::disallowed_methods, reason = "a receiver that hands in no time means its own machine's")]
fn machine_time() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
