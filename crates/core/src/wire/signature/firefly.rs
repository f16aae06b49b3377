//! Firefly's signature: standard base64, with padding, of HMAC-SHA256 over the body, keyed with the secret's UTF-8 bytes.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use callbacks_interfaces::secret::SecretText;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::HeaderValue;
use sha2::Sha256;

/// A secret made ready for signing: the two hash blocks of the key are already computed.
#[derive(Clone)]
pub struct FireflyKey(Hmac<Sha256>);

impl FireflyKey {
    /// Prepares a secret.
    pub fn new(secret: &SecretText) -> Self {
        Self(Hmac::new_from_slice(secret.expose().as_bytes()).expect("HMAC takes keys of any length"))
    }

    /// The signature of a body, as a header value.
    pub fn sign(&self, body: &[u8]) -> HeaderValue {
        let digest = self.0.clone().chain_update(body).finalize().into_bytes();
        // 32 bytes are always 44 characters of base64, all of them valid in a header.
        let mut text = [0_u8; 44];
        let written = STANDARD.encode_slice(digest, &mut text).unwrap_or(0);
        HeaderValue::from_bytes(&text[..written]).unwrap_or(HeaderValue::from_static(""))
    }
}

impl fmt::Debug for FireflyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FireflyKey(***)")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn every_signature_vector_byte_for_byte() {
        let vectors: Value =
            serde_json::from_str(include_str!("../../../tests/vectors/signatures_firefly.json"))
                .expect("valid JSON");
        let vectors = vectors["vectors"].as_array().expect("a list");
        assert!(vectors.len() >= 40);
        for vector in vectors {
            let text = |name: &str| vector[name].as_str().expect("a text").to_owned();
            let body = STANDARD.decode(text("body_b64")).expect("base64");
            let key = FireflyKey::new(&SecretText::try_from(text("secret")).expect("a secret"));
            assert_eq!(key.sign(&body), text("signature"), "{}", text("name"));
        }
    }

    #[test]
    fn debug_shows_nothing_of_the_secret() {
        let key = FireflyKey::new(&SecretText::try_from("canary".to_owned()).expect("a secret"));
        assert_eq!(format!("{key:?}"), "FireflyKey(***)");
    }
}
