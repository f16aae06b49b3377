//! Standard Webhooks: `webhook-id`, `webhook-timestamp`, and a list of signatures of several versions and keys.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use callbacks_interfaces::whsec;
use ed25519_dalek::{Signature, VerifyingKey};

use crate::mac::{any_matches, hmac_sha256};
use crate::received::Received;
use crate::scheme::SignatureScheme;
use crate::verify::VerifyError;

/// Verifies a list of signatures; those of unknown versions are passed over.
pub(crate) fn verify(
    scheme: SignatureScheme,
    secrets: &[&str],
    received: &Received<'_>,
    name: &str,
    header: &str,
) -> Result<(), VerifyError> {
    let prefix = name.get(..name.len().saturating_sub("-signature".len())).unwrap_or("webhook");
    let beside = |what: &str| {
        let value = received.header(&format!("{prefix}-{what}")).filter(|value| !value.is_empty());
        value.ok_or(VerifyError::MalformedHeader)
    };
    let (id, timestamp) = (beside("id")?, beside("timestamp")?);
    let seconds: i64 = timestamp.parse().map_err(|_| VerifyError::BadTimestamp)?;
    if header.split(' ').any(|one| !one.contains(',')) {
        return Err(VerifyError::MalformedHeader);
    }
    let version = if scheme == SignatureScheme::StandardWebhooks { "v1" } else { "v1a" };
    let signatures: Vec<Vec<u8>> = header
        .split(' ')
        .filter_map(|one| one.split_once(','))
        .filter(|(found, _)| *found == version)
        .filter_map(|(_, encoded)| STANDARD.decode(encoded).ok())
        .collect();
    if signatures.is_empty() {
        return Err(VerifyError::MissingV1);
    }
    received.check_time(seconds)?;
    let signed = format!("{id}.{timestamp}.");
    match scheme {
        SignatureScheme::StandardWebhooks => symmetric(secrets, &signed, received.body, &signatures),
        _ => asymmetric(secrets, &signed, received.body, &signatures),
    }
}

fn symmetric(secrets: &[&str], signed: &str, body: &[u8], signatures: &[Vec<u8>]) -> Result<(), VerifyError> {
    let right = |secret: &&str| {
        let key = whsec::symmetric_key(secret).map_err(|_| VerifyError::MalformedSecret)?;
        Ok(hmac_sha256(&key, &[signed.as_bytes(), body]))
    };
    let right: Vec<Vec<u8>> = secrets.iter().map(right).collect::<Result<_, _>>()?;
    any_matches(&right, signatures)
}

/// Public keys hold no secret, so there is nothing to hide in the time this takes.
fn asymmetric(
    public_keys: &[&str],
    signed: &str,
    body: &[u8],
    signatures: &[Vec<u8>],
) -> Result<(), VerifyError> {
    let message = [signed.as_bytes(), body].concat();
    for key in public_keys {
        let key = whsec::public_key(key).map_err(|_| VerifyError::MalformedSecret)?;
        let key = VerifyingKey::from_bytes(&key).map_err(|_| VerifyError::MalformedSecret)?;
        let matches = |bytes: &Vec<u8>| {
            Signature::from_slice(bytes).is_ok_and(|one| key.verify_strict(&message, &one).is_ok())
        };
        if signatures.iter().any(matches) {
            return Ok(());
        }
    }
    Err(VerifyError::Mismatch)
}
