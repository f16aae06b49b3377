//! What payloads and bodies of a tenant with payload encryption look like in the database.
//!
//! AES-256-GCM under a key derived for the row (HMAC-SHA256 of the row's id under the tenant's data key), so no number of
//! events wears a key out. What is sealed says so by its first bytes, and so does the rare plain value that begins with
//! the same bytes: a value is never taken for what it is not, and rows written before or after the option was switched
//! lie beside each other.

use std::borrow::Cow;

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, KeyInit, Nonce};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hmac::{Hmac, Mac};
use rand::Rng;
use sha2::Sha256;
use sqlx::types::Uuid;
use zeroize::Zeroizing;

const MARK: &[u8] = b"\x01cbkseal";
const MARK_TEXT: &str = "\u{1}cbkseal";
const PLAIN: u8 = b'0';
const SEALED: u8 = b'1';
const NONCE_BYTES: usize = 12;

/// Which value of a row: what it is bound to, beside the row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SealedValue {
    /// The payload of an event.
    Payload,
    /// The response body of an execution.
    ResponseBody,
}

impl SealedValue {
    const fn name(self) -> &'static [u8] {
        match self {
            Self::Payload => b"payload",
            Self::ResponseBody => b"response_body",
        }
    }
}

/// A tenant's key. Wiped from memory when dropped, and never shown.
pub(crate) struct DataKey(Zeroizing<[u8; 32]>);

impl DataKey {
    pub(crate) fn generate() -> Self {
        let mut bytes = Zeroizing::new([0; 32]);
        rand::rng().fill_bytes(bytes.as_mut());
        Self(bytes)
    }

    /// The form in which it is encrypted with the service's key.
    pub(crate) fn text(&self) -> Zeroizing<String> {
        Zeroizing::new(STANDARD.encode(*self.0))
    }

    pub(crate) fn from_text(text: &str) -> Option<Self> {
        let bytes = Zeroizing::new(STANDARD.decode(text).ok()?);
        Some(Self(Zeroizing::new(<[u8; 32]>::try_from(bytes.as_slice()).ok()?)))
    }

    fn cipher(&self, value: SealedValue, row: Uuid) -> Aes256Gcm {
        #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.as_slice()).expect("any length");
        mac.update(value.name());
        mac.update(row.as_bytes());
        let derived = Zeroizing::new(<[u8; 32]>::from(mac.finalize().into_bytes()));
        Aes256Gcm::new(&(*derived).into())
    }

    /// `None` only beyond the length the cipher takes (64 GiB).
    fn seal(&self, value: SealedValue, row: Uuid, plain: &[u8]) -> Option<Vec<u8>> {
        let mut nonce = [0_u8; NONCE_BYTES];
        rand::rng().fill_bytes(&mut nonce);
        let message = Payload { msg: plain, aad: value.name() };
        let sealed = self.cipher(value, row).encrypt(&Nonce::from(nonce), message).ok()?;
        Some([&nonce[..], &sealed].concat())
    }

    fn open(&self, value: SealedValue, row: Uuid, stored: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = stored.split_first_chunk::<NONCE_BYTES>()?;
        let message = Payload { msg: sealed, aad: value.name() };
        self.cipher(value, row).decrypt(&Nonce::from(*nonce), message).ok()
    }
}

/// How a payload is stored; `None` = as it is.
pub(crate) fn stored_payload(key: Option<&DataKey>, row: Uuid, plain: &[u8]) -> Option<Vec<u8>> {
    match key {
        Some(key) => {
            key.seal(SealedValue::Payload, row, plain).map(|sealed| [MARK, &[SEALED], &sealed].concat())
        }
        None => plain.starts_with(MARK).then(|| [MARK, &[PLAIN], plain].concat()),
    }
}

/// How a text is stored; `None` = as it is.
pub(crate) fn stored_text(key: Option<&DataKey>, row: Uuid, plain: &str) -> Option<String> {
    match key {
        Some(key) => {
            let sealed = key.seal(SealedValue::ResponseBody, row, plain.as_bytes())?;
            Some(format!("{MARK_TEXT}{}{}", char::from(SEALED), STANDARD.encode(sealed)))
        }
        None => plain.starts_with(MARK_TEXT).then(|| format!("{MARK_TEXT}{}{plain}", char::from(PLAIN))),
    }
}

/// Whether reading a stored payload, or the bytes of a stored text, takes the tenant's key.
pub(crate) fn is_sealed_payload(stored: &[u8]) -> bool {
    stored.strip_prefix(MARK).and_then(<[u8]>::first) == Some(&SEALED)
}

/// A stored payload in the clear; `None` when it is sealed and the key is gone or another one.
pub(crate) fn opened_payload(key: Option<&DataKey>, row: Uuid, stored: Bytes) -> Option<Bytes> {
    match stored.strip_prefix(MARK).and_then(<[u8]>::split_first) {
        None => Some(stored),
        Some((&PLAIN, plain)) => Some(stored.slice_ref(plain)),
        Some((_, sealed)) => key?.open(SealedValue::Payload, row, sealed).map(Bytes::from),
    }
}

/// A stored text in the clear; `None` when it is sealed and the key is gone or another one.
pub(crate) fn opened_text(key: Option<&DataKey>, row: Uuid, stored: String) -> Option<String> {
    let rest = stored.strip_prefix(MARK_TEXT).map(Cow::Borrowed);
    match rest.as_deref().map(|rest| rest.split_at_checked(1)) {
        None => Some(stored),
        Some(Some(("0", plain))) => Some(plain.to_owned()),
        Some(Some((_, sealed))) => {
            let plain = key?.open(SealedValue::ResponseBody, row, &STANDARD.decode(sealed).ok()?)?;
            String::from_utf8(plain).ok()
        }
        Some(None) => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ROW: Uuid = Uuid::from_u128(7);

    proptest! {
        #[test]
        fn what_is_stored_is_read_again(bytes in any::<Vec<u8>>(), marked in any::<bool>(), sealed in any::<bool>()) {
            let plain = if marked { [MARK, &bytes].concat() } else { bytes };
            let key = DataKey::generate();
            let with = sealed.then_some(&key);
            let stored = stored_payload(with, ROW, &plain).unwrap_or_else(|| plain.clone());
            prop_assert_eq!(is_sealed_payload(&stored), sealed);
            prop_assert_eq!(opened_payload(with, ROW, stored.into()), Some(plain.into()));
        }

        #[test]
        fn texts_are_read_again(text in any::<String>(), marked in any::<bool>(), sealed in any::<bool>()) {
            let plain = if marked { format!("{MARK_TEXT}{text}") } else { text };
            let key = DataKey::generate();
            let with = sealed.then_some(&key);
            let stored = stored_text(with, ROW, &plain).unwrap_or_else(|| plain.clone());
            prop_assert_eq!(is_sealed_payload(stored.as_bytes()), sealed);
            prop_assert_eq!(opened_text(with, ROW, stored), Some(plain));
        }

        #[test]
        fn nothing_stored_can_make_reading_fail_badly(bytes in any::<Vec<u8>>()) {
            let key = DataKey::generate();
            let _ = opened_payload(Some(&key), ROW, [MARK, &bytes].concat().into());
            let _ = opened_text(Some(&key), ROW, format!("{MARK_TEXT}{}", String::from_utf8_lossy(&bytes)));
        }
    }

    #[test]
    fn a_sealed_payload_is_bound_to_its_key_its_row_and_its_bytes() {
        let (key, other) = (DataKey::generate(), DataKey::generate());
        let stored = Bytes::from(stored_payload(Some(&key), ROW, b"card 4711").expect("sealed"));
        assert!(!stored.windows(4).any(|window| window == b"4711"));
        assert_eq!(opened_payload(Some(&other), ROW, stored.clone()), None);
        assert_eq!(opened_payload(None, ROW, stored.clone()), None);
        assert_eq!(opened_payload(Some(&key), Uuid::from_u128(8), stored.clone()), None);
        for index in MARK.len() + 1..stored.len() {
            let mut altered = stored.to_vec();
            altered[index] ^= 1;
            assert_eq!(opened_payload(Some(&key), ROW, altered.into()), None, "byte {index}");
        }
        let again = DataKey::from_text(&key.text()).expect("its own text");
        assert_eq!(opened_payload(Some(&again), ROW, stored).as_deref(), Some(&b"card 4711"[..]));
    }
}
