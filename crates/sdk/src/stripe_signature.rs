//! Stripe's and Dealix's `t=…,v1=…[,v1=…]`. The errors and their order are Dealix's; unlike there, any `v1` may match,
//! so that a secret can be rotated.

use crate::hex_signature::lower_hex;
use crate::mac::{any_matches, hmac_sha256};
use crate::received::Received;
use crate::verify::VerifyError;

pub(crate) fn verify(secrets: &[&str], received: &Received<'_>, header: &str) -> Result<(), VerifyError> {
    if !header.contains(',') {
        return Err(VerifyError::MalformedHeader);
    }
    let items = || header.split(',').filter_map(|item| item.split_once('='));
    let timestamp = items().rfind(|(name, _)| *name == "t").map_or("0", |(_, value)| value);
    let signed: i64 = timestamp.parse().map_err(|_| VerifyError::BadTimestamp)?;
    let signatures: Vec<&str> =
        items().filter(|(name, value)| *name == "v1" && !value.is_empty()).map(|(_, value)| value).collect();
    if signatures.is_empty() {
        return Err(VerifyError::MissingV1);
    }
    received.check_time(signed)?;
    let received_signatures: Vec<Vec<u8>> = signatures.into_iter().filter_map(lower_hex).collect();
    let right = |secret: &&str| hmac_sha256(secret.as_bytes(), &[timestamp.as_bytes(), b".", received.body]);
    let right: Vec<Vec<u8>> = secrets.iter().map(right).collect();
    any_matches(&right, &received_signatures)
}
