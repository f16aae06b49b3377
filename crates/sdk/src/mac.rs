//! Keyed hashes, and their comparison in constant time.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq as _};

use crate::verify::VerifyError;

/// HMAC-SHA256 of pieces that follow each other.
pub(crate) fn hmac_sha256(key: &[u8], pieces: &[&[u8]]) -> Vec<u8> {
    // HMAC takes keys of every length (RFC 2104), so there is always one; an empty hash matches nothing.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return Vec::new() };
    pieces.iter().for_each(|piece| mac.update(piece));
    mac.finalize().into_bytes().to_vec()
}

/// HMAC-SHA1 of a body.
pub(crate) fn hmac_sha1(key: &[u8], body: &[u8]) -> Vec<u8> {
    let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(key) else { return Vec::new() };
    mac.update(body);
    mac.finalize().into_bytes().to_vec()
}

/// Whether any of the right signatures is among those received. All are compared with all, so that the time taken
/// does not tell which one matched.
pub(crate) fn any_matches(right: &[Vec<u8>], received: &[Vec<u8>]) -> Result<(), VerifyError> {
    let mut matched = Choice::from(0);
    for signature in received {
        for expected in right {
            matched |= expected.as_slice().ct_eq(signature);
        }
    }
    if matched.into() { Ok(()) } else { Err(VerifyError::Mismatch) }
}
