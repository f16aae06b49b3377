//! Signatures made by the original Firefly code, and what must not pass for one.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use callbacks_sdk::scheme::SignatureScheme;
use callbacks_sdk::verify::{VerifyError, verify, verify_firefly};
use proptest::prelude::*;
use serde_json::Value;

struct Vector {
    name: String,
    secret: String,
    body: Vec<u8>,
    signature: String,
}

fn vectors() -> Vec<Vector> {
    let vectors: Value =
        serde_json::from_str(include_str!("vectors/firefly_signatures.json")).expect("valid JSON");
    let read = |vector: &Value| {
        let text = |field: &str| vector[field].as_str().expect("a text").to_owned();
        Vector {
            name: text("name"),
            secret: text("secret"),
            body: STANDARD.decode(text("body_b64")).expect("base64"),
            signature: text("signature"),
        }
    };
    vectors["vectors"].as_array().expect("a list").iter().map(read).collect()
}

#[test]
fn every_original_signature_is_verified() {
    let vectors = vectors();
    assert!(vectors.len() >= 49);
    for v in vectors {
        assert_eq!(verify_firefly(&v.secret, &v.body, &v.signature), Ok(()), "{}", v.name);
    }
}

#[test]
fn another_body_secret_or_signature_does_not_pass() {
    for v in vectors() {
        let mut body = v.body.clone();
        body.push(b' ');
        let mismatch = Err(VerifyError::Mismatch);
        assert_eq!(verify_firefly(&v.secret, &body, &v.signature), mismatch, "{}", v.name);
        assert_eq!(verify_firefly("other", &v.body, &v.signature), mismatch, "{}", v.name);
    }
}

#[test]
fn either_secret_of_a_rotation_passes() {
    let v = vectors().swap_remove(0);
    for secrets in [["other", v.secret.as_str()], [v.secret.as_str(), "other"]] {
        let result = verify(SignatureScheme::Firefly, &secrets, &v.body, &v.signature);
        assert_eq!(result, Ok(()));
    }
    let none = verify(SignatureScheme::Firefly, &[], &v.body, &v.signature);
    assert_eq!(none, Err(VerifyError::NoSecret));
}

#[test]
fn what_is_no_signature_is_malformed() {
    for header in ["", "garbage!", "AAAA", "sha256=00", "t=1,v1=00"] {
        let result = verify_firefly("s", b"{}", header);
        assert_eq!(result, Err(VerifyError::MalformedHeader), "{header:?}");
    }
}

#[test]
fn schemes_are_found_by_name() {
    assert_eq!(SignatureScheme::from_name("firefly"), Some(SignatureScheme::Firefly));
    assert_eq!(SignatureScheme::from_name("md5"), None);
}

proptest! {
    #[test]
    fn no_header_passes_by_chance_or_panics(header in ".{0,60}", body: Vec<u8>) {
        prop_assert!(verify_firefly("secret", &body, &header).is_err());
    }
}
