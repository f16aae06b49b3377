//! Keyed hashes, made ready for signing: the two hash blocks of the key are already computed.

use hmac::{Hmac, KeyInit as _, Mac as _};
use http::HeaderValue;
use sha1::Sha1;
use sha2::Sha256;

/// HMAC-SHA256 under one key.
#[derive(Clone)]
pub(super) struct Sha256Key(Hmac<Sha256>);

impl Sha256Key {
    #[expect(clippy::expect_used, reason = "the error is another algorithm's: HMAC takes every length")]
    pub(super) fn new(key: &[u8]) -> Self {
        Self(Hmac::new_from_slice(key).expect("HMAC takes keys of any length"))
    }

    /// The hash of these pieces, one after the other.
    pub(super) fn digest(&self, pieces: &[&[u8]]) -> [u8; 32] {
        let mut mac = self.0.clone();
        pieces.iter().for_each(|piece| mac.update(piece));
        mac.finalize().into_bytes().into()
    }
}

/// HMAC-SHA1 under one key; only for receivers that know nothing else.
#[derive(Clone)]
pub(super) struct Sha1Key(Hmac<Sha1>);

impl Sha1Key {
    #[expect(clippy::expect_used, reason = "the error is another algorithm's: HMAC takes every length")]
    pub(super) fn new(key: &[u8]) -> Self {
        Self(Hmac::new_from_slice(key).expect("HMAC takes keys of any length"))
    }

    pub(super) fn digest(&self, piece: &[u8]) -> [u8; 20] {
        self.0.clone().chain_update(piece).finalize().into_bytes().into()
    }
}

/// Appends lower-case hex.
pub(super) fn push_hex(digest: &[u8], text: &mut Vec<u8>) {
    let digit = |half: u8| half + if half < 10 { b'0' } else { b'a' - 10 };
    text.extend(digest.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]));
}

/// A text of ours as a header value. It is always visible ASCII, so there is always one.
pub(super) fn value(text: Vec<u8>) -> HeaderValue {
    HeaderValue::from_maybe_shared(bytes::Bytes::from(text)).unwrap_or(HeaderValue::from_static(""))
}
