//! Signatures over the body alone: one hash, in hex or in base64.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::mac::{any_matches, hmac_sha1, hmac_sha256};
use crate::verify::VerifyError;

const SHA256_OCTETS: usize = 32;
const SHA1_OCTETS: usize = 20;

/// Firefly's: standard base64, padded.
pub(crate) fn firefly(secrets: &[&str], body: &[u8], header: &str) -> Result<(), VerifyError> {
    let signature = STANDARD.decode(header.trim()).map_err(|_| VerifyError::MalformedHeader)?;
    compare(secrets, signature, SHA256_OCTETS, |secret| hmac_sha256(secret.as_bytes(), &[body]))
}

/// Lower-case hex of HMAC-SHA256.
pub(crate) fn sha256(secrets: &[&str], body: &[u8], hex: &str) -> Result<(), VerifyError> {
    let signature = lower_hex(hex).ok_or(VerifyError::MalformedHeader)?;
    compare(secrets, signature, SHA256_OCTETS, |secret| hmac_sha256(secret.as_bytes(), &[body]))
}

/// Lower-case hex of HMAC-SHA1.
pub(crate) fn sha1(secrets: &[&str], body: &[u8], hex: &str) -> Result<(), VerifyError> {
    let signature = lower_hex(hex).ok_or(VerifyError::MalformedHeader)?;
    compare(secrets, signature, SHA1_OCTETS, |secret| hmac_sha1(secret.as_bytes(), body))
}

/// The octets of a hex text; upper case is not what any of the systems writes or takes.
pub(crate) fn lower_hex(text: &str) -> Option<Vec<u8>> {
    let is_lower = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if is_lower { hex::decode(text).ok() } else { None }
}

fn compare(
    secrets: &[&str],
    signature: Vec<u8>,
    octets: usize,
    right: impl Fn(&str) -> Vec<u8>,
) -> Result<(), VerifyError> {
    if signature.len() != octets {
        return Err(VerifyError::MalformedHeader);
    }
    let right: Vec<Vec<u8>> = secrets.iter().map(|secret| right(secret)).collect();
    any_matches(&right, &[signature])
}
