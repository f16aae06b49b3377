//! What holds for every profile.

use callbacks_core::wire::profile::WireError;
use callbacks_interfaces::named_enum::NamedEnum as _;
use callbacks_interfaces::signature_scheme::SignatureScheme;
use callbacks_interfaces::wire_profile::WireProfile;
use hmac::{Hmac, KeyInit as _, Mac as _};
use proptest::prelude::*;
use sha2::Sha256;

use crate::configured::{Configured, Event};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn profiles() -> impl Iterator<Item = WireProfile> {
    WireProfile::ALL.iter().map(|(_, profile)| *profile)
}

#[test]
fn every_delivery_names_itself_and_the_attempt() {
    for profile in profiles() {
        let (headers, _) = Configured::new(profile, SECRET).send(&Event::of(b"{}")).expect("sent");
        assert!(headers["x-delivery-id"].to_str().expect("ASCII").starts_with("dlv_"), "{profile}");
        assert_eq!(headers["x-delivery-attempt"], "2", "{profile}");
        assert_eq!(headers["x-callbacks-hops"], "1", "{profile}");
        assert!(headers.contains_key("content-type") && headers.contains_key("user-agent"), "{profile}");
        let signature = profile.header_of(profile.default_scheme());
        assert!(headers.contains_key(signature), "{profile}");
    }
}

#[test]
fn without_a_secret_nothing_is_signed() {
    for profile in profiles() {
        let (headers, _) = Configured::new(profile, "").send(&Event::of(b"{}")).expect("sent");
        assert!(!headers.keys().any(|name| name.as_str().contains("signature")), "{profile}: {headers:?}");
    }
}

#[test]
fn a_payload_that_is_no_json_is_refused_where_json_is_needed() {
    for profile in profiles() {
        let result = Configured::new(profile, SECRET).send(&Event::of(b"plain text"));
        let needs_json =
            !matches!(profile, WireProfile::Firefly | WireProfile::Custom | WireProfile::CloudEvents);
        assert_eq!(matches!(result, Err(WireError::Payload(_))), needs_json, "{profile}: {result:?}");
    }
    for payload in ["{\"f\":1e400}", "{\"f\":NaN}", "{\"s\":\"\\ud800\"}"] {
        let refused = Configured::new(WireProfile::Pyfly, SECRET).send(&Event::of(payload.as_bytes()));
        assert!(matches!(refused, Err(WireError::Payload(_))), "{payload}");
    }
}

#[test]
fn a_secret_of_the_wrong_form_is_our_configurations_fault() {
    let wrong = Configured::new(WireProfile::StandardWebhooks, "top secret");
    assert!(matches!(wrong.prepare(), Err(WireError::KeyForm(_))));
    let missing =
        Configured::new(WireProfile::Custom, SECRET).signing(&[SignatureScheme::StandardWebhooksEd25519]);
    assert!(matches!(missing.prepare(), Err(WireError::NoSecret(_))));
}

#[test]
fn an_id_with_a_full_stop_cannot_confuse_what_is_signed() {
    let event = Event { id: "a.b", ..Event::of(b"{}") };
    let (headers, _) = Configured::new(WireProfile::StandardWebhooks, SECRET).send(&event).expect("sent");
    assert_eq!(headers["webhook-id"], "a%2Eb");
}

fn hex_hmac(key: &[u8], pieces: &[&[u8]]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length");
    pieces.iter().for_each(|piece| mac.update(piece));
    hex::encode(mac.finalize().into_bytes())
}

proptest! {
    /// Verified independently: the bytes signed are the bytes sent, whatever they are.
    #[test]
    fn the_bytes_signed_are_the_bytes_sent(
        key in "[a-zA-Z0-9]{1,80}",
        id in "[a-zA-Z0-9_-]{1,40}",
        event_type in ".{1,40}",
        members in prop::collection::btree_map(".{0,8}", any::<f64>(), 0..6),
    ) {
        let payload = serde_json::to_vec(&members).expect("serialises");
        let event = Event { id: &id, event_type: &event_type, ..Event::of(&payload) };
        let (headers, body) = Configured::new(WireProfile::Pyfly, &key).send(&event).expect("sent");
        let expected = format!("sha256={}", hex_hmac(key.as_bytes(), &[&body]));
        prop_assert_eq!(headers["x-pyfly-signature"].to_str().expect("ASCII"), expected);
        let (headers, body) = Configured::new(WireProfile::SvcInfra, &key).send(&event).expect("sent");
        prop_assert_eq!(headers["x-signature"].to_str().expect("ASCII"), hex_hmac(key.as_bytes(), &[&body]));
        let (headers, body) = Configured::new(WireProfile::Dealix, &key).send(&event).expect("sent");
        let expected = format!("t=1761991200,v1={}", hex_hmac(key.as_bytes(), &[b"1761991200.", &body]));
        prop_assert_eq!(headers["dealix-signature"].to_str().expect("ASCII"), expected);
    }
}
