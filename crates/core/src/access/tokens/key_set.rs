//! The provider's public keys (JWKS, RFC 7517).

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;

/// Most keys of a set that are looked at.
const KEYS_MAX: usize = 100;
/// Longest key id, in bytes.
const KEY_ID_MAX: usize = 256;

/// The keys that can check signatures.
#[derive(Default)]
pub struct KeySet {
    keys: Vec<PublicKey>,
}

struct PublicKey {
    id: Option<String>,
    /// What the set says it is for; `None` for whatever its kind of key can do.
    algorithm: Option<Algorithm>,
    kind: Kind,
    key: DecodingKey,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Rsa,
    P256,
    P384,
    Ed25519,
}

/// The text is no key set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    /// Not JSON, or without `keys`.
    #[error("it is no JSON Web Key Set: {0}")]
    Unreadable(String),
    /// It holds no key that could check a signature.
    #[error("none of its {0} keys can check signatures (kty RSA, EC or OKP, use sig)")]
    NoKeys(usize),
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
}

impl KeySet {
    /// Reads a set. Keys of a kind that checks no signatures are passed over, as RFC 7517 (5) asks.
    ///
    /// # Errors
    /// When it is no key set, or holds no key of use.
    pub fn parse(text: &[u8]) -> Result<Self, KeySetError> {
        let document: Document =
            serde_json::from_slice(text).map_err(|error| KeySetError::Unreadable(error.to_string()))?;
        let count = document.keys.len();
        let keys: Vec<PublicKey> = document.keys.into_iter().take(KEYS_MAX).filter_map(public_key).collect();
        if keys.is_empty() { Err(KeySetError::NoKeys(count)) } else { Ok(Self { keys }) }
    }

    /// The key that may have made a signature with `algorithm`: the one of that id; where the token names none, the only
    /// one of that kind (OpenID Connect Core, 10.1). One, so that nobody can have many keys tried.
    pub(super) fn key(&self, algorithm: Algorithm, id: Option<&str>) -> Option<&DecodingKey> {
        let mut fitting = self
            .keys
            .iter()
            .filter(|key| key.kind == kind_for(algorithm) && key.algorithm.is_none_or(|own| own == algorithm))
            .filter(|key| id.is_none() || key.id.as_deref() == id);
        let first = fitting.next()?;
        (id.is_some() || fitting.next().is_none()).then_some(&first.key)
    }
}

fn kind_for(algorithm: Algorithm) -> Kind {
    match algorithm {
        Algorithm::ES256 => Kind::P256,
        Algorithm::ES384 => Kind::P384,
        Algorithm::EdDSA => Kind::Ed25519,
        _ => Kind::Rsa,
    }
}

fn public_key(value: Value) -> Option<PublicKey> {
    let jwk: Jwk = serde_json::from_value(value).ok()?;
    if jwk.common.public_key_use.as_ref().is_some_and(|meant| *meant != PublicKeyUse::Signature) {
        return None;
    }
    let kind = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => Kind::Rsa,
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => Kind::P256,
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P384 => Kind::P384,
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => Kind::Ed25519,
        _ => return None,
    };
    // One that names an algorithm we do not know is not for us.
    let algorithm = match jwk.common.key_algorithm {
        Some(named) => Some(named.to_string().parse().ok()?),
        None => None,
    };
    let id = jwk.common.key_id.clone();
    if id.as_ref().is_some_and(|id| id.len() > KEY_ID_MAX) {
        return None;
    }
    Some(PublicKey { id, algorithm, kind, key: DecodingKey::from_jwk(&jwk).ok()? })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// RFC 8037, appendix A.2.
    const ED25519: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

    fn set(keys: &Value) -> Result<KeySet, KeySetError> {
        KeySet::parse(json!({ "keys": keys }).to_string().as_bytes())
    }

    #[test]
    fn a_key_is_used_for_what_it_is_for() {
        let ed = |id: &str, more: Value| {
            let mut key = json!({"kty": "OKP", "crv": "Ed25519", "x": ED25519, "kid": id});
            key.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
            key
        };
        let keys = set(&json!([
            ed("a", json!({})),
            ed("b", json!({"alg": "EdDSA", "use": "sig"})),
            ed("encrypting", json!({"use": "enc"})),
            ed("other", json!({"alg": "RS256"})),
            {"kty": "oct", "k": "AAAA", "kid": "a"},
            {"kty": "unheard-of", "kid": "a"},
            7,
        ]))
        .expect("a set");
        assert!(keys.key(Algorithm::EdDSA, Some("a")).is_some());
        assert!(keys.key(Algorithm::EdDSA, None).is_none(), "which of the two?");
        let single = set(&json!([ed("a", json!({}))])).expect("a set");
        assert!(single.key(Algorithm::EdDSA, None).is_some());
        for (algorithm, id) in [
            (Algorithm::EdDSA, "encrypting"),
            (Algorithm::EdDSA, "other"),
            (Algorithm::HS256, "a"),
            (Algorithm::RS256, "a"),
            (Algorithm::RS256, "other"),
            (Algorithm::ES256, "a"),
        ] {
            assert!(keys.key(algorithm, Some(id)).is_none(), "{algorithm:?} {id}");
        }
    }

    #[test]
    fn a_set_without_use_is_refused() {
        assert_eq!(set(&json!([])).err(), Some(KeySetError::NoKeys(0)));
        assert_eq!(set(&json!([{"kty": "oct", "k": "AAAA"}])).err(), Some(KeySetError::NoKeys(1)));
        for text in ["", "[]", "{}", "<html>", "{\"keys\":{}}"] {
            assert!(matches!(KeySet::parse(text.as_bytes()), Err(KeySetError::Unreadable(_))), "{text}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_fetched_is_survived(text in ".{0,200}", x in ".{0,60}", crv in "(P-256|P-384|Ed25519|.{1,5})") {
            let _ = KeySet::parse(text.as_bytes());
            let _ = set(&json!([{"kty": "EC", "crv": crv, "x": x, "y": x}, {"kty": "RSA", "n": x, "e": x}]));
        }
    }
}
