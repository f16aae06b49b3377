//! Secrets at rest: AES-256-GCM (NIST SP 800-38D), bound to their tenant, row and column.
//!
//! Stored form: `v1:<key id>:<base64(nonce ‖ ciphertext ‖ tag)>`. The associated data makes a ciphertext that was copied
//! into another row unreadable there. The key id lets new secrets use a new key while old ones stay readable.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, KeyInit, Nonce};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use callbacks_interfaces::secret::SecretText;
use callbacks_interfaces::tenant::TenantId;
use rand::Rng;
use uuid::Uuid;
use zeroize::Zeroizing;

const NONCE_BYTES: usize = 12;
const VERSION: &str = "v1";

/// Bytes of a key.
pub type KeyBytes = Zeroizing<[u8; 32]>;

/// The keys secrets are encrypted with: one for writing, any number for reading.
pub struct SecretKeyring {
    current: String,
    keys: HashMap<String, Aes256Gcm>,
}

/// A keyring that cannot be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyringError {
    /// Key ids are part of the stored text.
    #[error("key id {0:?} is not 1 to 32 letters, digits, '-' or '_'")]
    KeyId(String),
    /// Two keys with one id.
    #[error("key id {0:?} is given twice")]
    Duplicate(String),
}

/// Why a secret cannot be read or written. Names no part of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// Not the form this module writes.
    #[error("the stored secret has an unknown form")]
    Form,
    /// Encrypted with a key that is not on the ring.
    #[error(
        "the stored secret was encrypted with key {0:?}, which is not configured (security.encryption_key)"
    )]
    UnknownKey(String),
    /// Altered, moved from another row, or encrypted with another key of the same id.
    #[error("the stored secret fails authentication")]
    Authentication,
}

/// A secret as it was found in its row.
#[derive(Clone, Debug)]
pub enum SecretState<T = SecretText> {
    /// None is stored.
    None,
    /// Decrypted.
    Ready(T),
    /// Stored, but it cannot be decrypted: our fault, so deliveries are held, not failed.
    Unreadable,
}

/// Where a secret lives: what its ciphertext is bound to.
#[derive(Clone, Copy, Debug)]
pub struct SecretPlace<'a> {
    /// The row's tenant.
    pub tenant: &'a TenantId,
    /// The row's primary key.
    pub row: Uuid,
    /// The logical column; `secret` for the current and the previous one, so rotation moves the text as it is.
    pub column: &'static str,
}

impl SecretKeyring {
    /// A ring that writes with the key `current` and reads with that one and with `others`.
    ///
    /// # Errors
    /// When a key id is malformed or used twice.
    pub fn new(
        current: (String, KeyBytes),
        others: impl IntoIterator<Item = (String, KeyBytes)>,
    ) -> Result<Self, KeyringError> {
        let id = current.0.clone();
        let mut keys = HashMap::new();
        for (id, bytes) in std::iter::once(current).chain(others) {
            if !is_key_id(&id) {
                return Err(KeyringError::KeyId(id));
            }
            let cipher = Aes256Gcm::new(&(*bytes).into());
            if keys.insert(id.clone(), cipher).is_some() {
                return Err(KeyringError::Duplicate(id));
            }
        }
        Ok(Self { current: id, keys })
    }

    /// Id of the key new secrets are encrypted with.
    #[must_use]
    pub fn current_key_id(&self) -> &str {
        &self.current
    }

    /// Whether what was encrypted with this key can be read.
    #[must_use]
    pub fn has_key(&self, id: &str) -> bool {
        self.keys.contains_key(id)
    }

    /// The beginning of everything written with the current key.
    pub(crate) fn current_prefix(&self) -> String {
        format!("{VERSION}:{}:", self.current)
    }

    /// Encrypts `text` for its place with the current key.
    ///
    /// # Errors
    /// Only when the cipher refuses the length, which no valid value reaches.
    pub fn seal(&self, place: SecretPlace<'_>, text: &str) -> Result<String, SecretError> {
        let unknown = || SecretError::UnknownKey(self.current.clone());
        let cipher = self.keys.get(&self.current).ok_or_else(unknown)?;
        let mut nonce = [0_u8; NONCE_BYTES];
        rand::rng().fill_bytes(&mut nonce);
        let aad = place.associated_data();
        let payload = Payload { msg: text.as_bytes(), aad: &aad };
        let sealed = cipher.encrypt(&Nonce::from(nonce), payload).map_err(|_| SecretError::Authentication)?;
        let body = STANDARD.encode([&nonce[..], &sealed].concat());
        Ok(format!("{VERSION}:{}:{body}", self.current))
    }

    /// Decrypts what [`SecretKeyring::seal`] wrote for the same place.
    ///
    /// # Errors
    /// When the text is malformed, its key unknown, or it does not belong to this place.
    pub fn open(&self, place: SecretPlace<'_>, stored: &str) -> Result<Zeroizing<String>, SecretError> {
        let mut parts = stored.splitn(3, ':');
        let (Some(VERSION), Some(id), Some(body)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(SecretError::Form);
        };
        let cipher = self.keys.get(id).ok_or_else(|| SecretError::UnknownKey(id.to_owned()))?;
        let bytes = STANDARD.decode(body).map_err(|_| SecretError::Form)?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_BYTES>().ok_or(SecretError::Form)?;
        let aad = place.associated_data();
        let payload = Payload { msg: sealed, aad: &aad };
        let plain = cipher.decrypt(&Nonce::from(*nonce), payload).map_err(|_| SecretError::Authentication)?;
        String::from_utf8(plain).map(Zeroizing::new).map_err(|_| SecretError::Form)
    }

    /// Encrypts a map of names and values, as JSON.
    pub(crate) fn seal_map(
        &self,
        place: SecretPlace<'_>,
        map: Option<&BTreeMap<String, String>>,
    ) -> Result<Option<String>, SecretError> {
        let Some(map) = map else { return Ok(None) };
        let json = serde_json::to_string(map).map_err(|_| SecretError::Form)?;
        self.seal(place, &json).map(Some)
    }

    /// Decrypts a map that [`SecretKeyring::seal_map`] wrote.
    pub(crate) fn open_map(
        &self,
        place: SecretPlace<'_>,
        stored: Option<&str>,
    ) -> Result<Option<BTreeMap<String, String>>, SecretError> {
        let Some(stored) = stored else { return Ok(None) };
        let json = self.open(place, stored)?;
        serde_json::from_str(&json).map(Some).map_err(|_| SecretError::Form)
    }

    /// The same for a view: what cannot be decrypted is logged and left out.
    pub(crate) fn shown_map(
        &self,
        place: SecretPlace<'_>,
        stored: Option<&str>,
    ) -> Option<BTreeMap<String, String>> {
        self.open_map(place, stored).unwrap_or_else(|error| {
            place.report(&error);
            None
        })
    }

    /// Reads an optional column; what cannot be decrypted is reported, logged without its text, and never an error.
    pub(crate) fn state(&self, place: SecretPlace<'_>, stored: Option<&str>) -> SecretState {
        self.parsed(place, stored, |text| SecretText::try_from(text.to_owned()).ok())
    }

    /// The same for what is more than a text; `parse` is given the decrypted text.
    pub(crate) fn parsed<T>(
        &self,
        place: SecretPlace<'_>,
        stored: Option<&str>,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> SecretState<T> {
        let Some(stored) = stored else {
            return SecretState::None;
        };
        let opened = self.open(place, stored).and_then(|text| parse(&text).ok_or(SecretError::Form));
        match opened {
            Ok(secret) => SecretState::Ready(secret),
            Err(error) => {
                place.report(&error);
                SecretState::Unreadable
            }
        }
    }
}

impl fmt::Debug for SecretKeyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretKeyring")
            .field("current", &self.current)
            .field("keys", &self.keys.len())
            .finish()
    }
}

impl SecretPlace<'_> {
    /// Another column of the same row.
    pub(crate) fn column(self, column: &'static str) -> Self {
        Self { column, ..self }
    }

    pub(crate) fn report(self, error: &SecretError) {
        tracing::error!(row = %self.row, tenant_id = %self.tenant, %error,
            "column {} of row {} cannot be decrypted; give the service the key it was written with",
            self.column, self.row);
    }

    /// Length-prefixed, so no two places share their bytes.
    fn associated_data(self) -> Vec<u8> {
        let tenant = self.tenant.as_str().as_bytes();
        let mut aad = Vec::with_capacity(8 + tenant.len() + 16 + self.column.len());
        aad.extend_from_slice(&(tenant.len() as u64).to_be_bytes());
        aad.extend_from_slice(tenant);
        aad.extend_from_slice(self.row.as_bytes());
        aad.extend_from_slice(self.column.as_bytes());
        aad
    }
}

fn is_key_id(id: &str) -> bool {
    (1..=32).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(current: &str, others: &[&str]) -> SecretKeyring {
        let key = |id: &str| {
            let byte = id.bytes().next().expect("an id");
            (id.to_owned(), Zeroizing::new([byte; 32]))
        };
        SecretKeyring::new(key(current), others.iter().map(|id| key(id))).expect("valid ids")
    }

    fn place(tenant: &TenantId, row: u128) -> SecretPlace<'_> {
        SecretPlace { tenant, row: Uuid::from_u128(row), column: "secret" }
    }

    const SECRET: &str = "s3cr3t-€";

    #[test]
    fn a_secret_survives_the_round_trip_and_key_rotation() {
        let tenant = TenantId::default_tenant();
        let stored = ring("a", &[]).seal(place(&tenant, 1), SECRET).expect("seals");
        assert!(stored.starts_with("v1:a:"));
        assert!(!stored.contains("s3cr3t"));
        let opened = ring("b", &["a"]).open(place(&tenant, 1), &stored).expect("opens");
        assert_eq!(*opened, SECRET);
    }

    #[test]
    fn a_secret_is_bound_to_its_place() {
        let tenant = TenantId::default_tenant();
        let other = TenantId::try_from("other").expect("valid");
        let ring = ring("a", &[]);
        let stored = ring.seal(place(&tenant, 1), SECRET).expect("seals");
        for wrong in [place(&tenant, 2), place(&other, 1)] {
            let error = ring.open(wrong, &stored).expect_err("bound");
            assert_eq!(error, SecretError::Authentication);
        }
    }

    #[test]
    fn tampering_is_noticed_at_every_byte() {
        let tenant = TenantId::default_tenant();
        let ring = ring("a", &[]);
        let stored = ring.seal(place(&tenant, 1), SECRET).expect("seals");
        let body = STANDARD.decode(&stored["v1:a:".len()..]).expect("base64");
        for index in 0..body.len() {
            let mut altered = body.clone();
            altered[index] ^= 1;
            let text = format!("v1:a:{}", STANDARD.encode(altered));
            let error = ring.open(place(&tenant, 1), &text).expect_err("altered");
            assert_eq!(error, SecretError::Authentication, "byte {index}");
        }
    }

    #[test]
    fn foreign_forms_and_keys_are_refused() {
        let tenant = TenantId::default_tenant();
        let ring = ring("a", &[]);
        for form in ["", "plain", "v2:a:AAAA", "v1:a", "v1:a:!!", "v1:a:AAAA"] {
            let error = ring.open(place(&tenant, 1), form).expect_err("refused");
            assert_eq!(error, SecretError::Form, "{form}");
        }
        let error = ring.open(place(&tenant, 1), "v1:z:AAAA").expect_err("refused");
        assert_eq!(error, SecretError::UnknownKey("z".to_owned()));
        assert!(error.to_string().contains("\"z\""), "the message names the key: {error}");
    }

    #[test]
    fn key_ids_are_checked() {
        let key = |id: &str| (id.to_owned(), Zeroizing::new([0; 32]));
        assert_eq!(
            SecretKeyring::new(key("a:b"), []).expect_err("colon"),
            KeyringError::KeyId("a:b".to_owned())
        );
        assert_eq!(
            SecretKeyring::new(key("a"), [key("a")]).expect_err("twice"),
            KeyringError::Duplicate("a".to_owned())
        );
    }
}
