//! What a sender signs is verified, and no flipped bit of the body, the secret or the signature goes unnoticed. The signatures
//! are made here with the bare MACs, so that a mistake in the library cannot hide in both directions.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use callbacks_sdk::received::Received;
use callbacks_sdk::scheme::SignatureScheme;
use callbacks_sdk::verify::{VerifyError, verify_request};
use hmac::{Hmac, KeyInit as _, Mac as _};
use proptest::prelude::*;
use sha1::Sha1;
use sha2::Sha256;

const NOW: i64 = 1_800_000_000;

fn sha256(key: &[u8], pieces: &[&[u8]]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any key");
    pieces.iter().for_each(|piece| mac.update(piece));
    mac.finalize().into_bytes().to_vec()
}

fn sha1(key: &[u8], body: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha1>::new_from_slice(key).expect("any key");
    mac.update(body);
    mac.finalize().into_bytes().to_vec()
}

/// The schemes with a shared secret, and the headers each sends for a body.
fn signed(scheme: SignatureScheme, key: &[u8; 32], body: &[u8]) -> (String, Vec<(&'static str, String)>) {
    let secret = hex::encode(key);
    let bytes = secret.as_bytes();
    let time = NOW.to_string();
    let value = match scheme {
        SignatureScheme::Firefly => STANDARD.encode(sha256(bytes, &[body])),
        SignatureScheme::Pyfly | SignatureScheme::FireflyRust => {
            format!("sha256={}", hex::encode(sha256(bytes, &[body])))
        }
        SignatureScheme::SvcInfra => hex::encode(sha256(bytes, &[body])),
        SignatureScheme::ServoSha1 => hex::encode(sha1(bytes, body)),
        SignatureScheme::Stripe => {
            let signature = hex::encode(sha256(bytes, &[time.as_bytes(), b".", body]));
            format!("t={time},v1={signature}")
        }
        _ => {
            let signature = sha256(key, &[b"msg_1.", time.as_bytes(), b".", body]);
            let headers = vec![
                ("webhook-id", "msg_1".to_owned()),
                ("webhook-timestamp", time),
                ("webhook-signature", format!("v1,{}", STANDARD.encode(signature))),
            ];
            return (format!("whsec_{}", STANDARD.encode(key)), headers);
        }
    };
    (secret, vec![(scheme.default_header(), value)])
}

/// Beside another secret of the right form, as during a rotation.
fn verdict(
    scheme: SignatureScheme,
    secret: &str,
    headers: &[(&'static str, String)],
    body: &[u8],
) -> Result<(), VerifyError> {
    let another = if scheme == SignatureScheme::StandardWebhooks { "whsec_YW5vdGhlcg==" } else { "another" };
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    verify_request(scheme, &[another, secret], &Received::new(&headers, body, NOW))
}

proptest! {
    #[test]
    fn what_is_signed_verifies_and_a_flipped_bit_does_not(
        scheme in prop::sample::select(vec![
            SignatureScheme::Firefly, SignatureScheme::Pyfly, SignatureScheme::FireflyRust, SignatureScheme::SvcInfra,
            SignatureScheme::ServoSha1, SignatureScheme::Stripe, SignatureScheme::StandardWebhooks,
        ]),
        key: [u8; 32],
        body in prop::collection::vec(any::<u8>(), 1..200),
        place: prop::sample::Index,
        bit in 0..8_u32,
    ) {
        let (secret, headers) = signed(scheme, &key, &body);
        prop_assert_eq!(verdict(scheme, &secret, &headers, &body), Ok(()), "{:?}", headers);

        let mut other = body.clone();
        other[place.index(body.len())] ^= 1 << bit;
        prop_assert_eq!(verdict(scheme, &secret, &headers, &other), Err(VerifyError::Mismatch), "another body");

        let mut other = key;
        other[place.index(32)] ^= 1 << bit;
        let (other, _) = signed(scheme, &other, &body);
        prop_assert_eq!(verdict(scheme, &other, &headers, &body), Err(VerifyError::Mismatch), "another secret");

        // A bit of the signature itself, which ends each of these headers.
        let mut forged = headers.clone();
        let last = forged.last_mut().expect("a signature header");
        let flipped: String = last.1.chars().rev().enumerate().map(|(at, c)| match (at, c) {
            (4, '0') => '1',
            (4, 'A') => 'B',
            (4, _) => if scheme == SignatureScheme::Firefly || scheme == SignatureScheme::StandardWebhooks { 'A' } else { '0' },
            (_, c) => c,
        }).collect();
        last.1 = flipped.chars().rev().collect();
        prop_assert_eq!(verdict(scheme, &secret, &forged, &body), Err(VerifyError::Mismatch), "another signature: {:?}", forged);
    }
}
