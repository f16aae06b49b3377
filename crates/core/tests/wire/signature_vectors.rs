//! Signatures recorded from the original systems, byte for byte.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use callbacks_core::wire::canonical_json::sorted;
use callbacks_interfaces::envelope::Envelope;
use callbacks_interfaces::signature_scheme::SignatureScheme;
use callbacks_interfaces::wire_profile::WireProfile;
use http::HeaderMap;
use serde_json::Value;
use time::OffsetDateTime;

use crate::configured::{Configured, Event, secret};

/// All vectors of a scheme.
fn vectors(scheme: &str) -> Vec<Value> {
    let all: Value = serde_json::from_str(include_str!("../vectors/signatures.json")).expect("valid JSON");
    let all = all["vectors"].as_array().expect("a list");
    let found: Vec<Value> = all.iter().filter(|vector| vector["scheme"] == scheme).cloned().collect();
    assert!(!found.is_empty(), "{scheme}");
    found
}

fn text<'a>(vector: &'a Value, name: &str) -> &'a str {
    vector[name].as_str().unwrap_or_default()
}

fn body(vector: &Value) -> Vec<u8> {
    STANDARD.decode(text(vector, "body_b64")).expect("base64")
}

fn event<'a>(vector: &'a Value, payload: &'a [u8]) -> Event<'a> {
    let seconds = vector["timestamp"].as_i64().unwrap_or(1_704_067_200);
    Event {
        id: vector["id"].as_str().unwrap_or("evt_1"),
        event_type: vector["event_type"].as_str().unwrap_or("order.created"),
        tenant: "cust_1",
        at: OffsetDateTime::from_unix_timestamp(seconds).expect("a time"),
        attempt: vector["attempt"].as_u64().map_or(1, |n| u16::try_from(n).expect("small")),
        payload,
    }
}

/// Sends the payload under a configuration and compares the body, and every header the original sent but those that
/// depend on rows or on the time.
fn check(vector: &Value, configured: &Configured, payload: &[u8]) {
    let name = text(vector, "name");
    let (headers, sent) =
        configured.send(&event(vector, payload)).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(String::from_utf8_lossy(&sent), String::from_utf8_lossy(&body(vector)), "{name}");
    check_headers(vector, &headers);
}

fn check_headers(vector: &Value, headers: &HeaderMap) {
    for (header, value) in vector["headers"].as_object().expect("an object") {
        if matches!(header.as_str(), "X-Webhook-Subscription" | "x-some-header" | "content-length") {
            continue;
        }
        let sent = headers.get(header).map(|value| value.to_str().expect("ASCII"));
        assert_eq!(sent, value.as_str(), "{}: {header}", text(vector, "name"));
    }
}

#[test]
fn firefly() {
    for vector in vectors("firefly_hmac_sha256_base64") {
        let header = text(&vector, "signature_header").to_owned();
        let configured = Configured {
            header: Some(Box::leak(header.into_boxed_str())),
            ..Configured::new(WireProfile::Firefly, text(&vector, "secret"))
        };
        check(&vector, &configured, &body(&vector));
    }
}

#[test]
fn pyfly() {
    for vector in vectors("pyfly_sha256_hex_canonical") {
        let configured = Configured::new(WireProfile::Pyfly, text(&vector, "secret"));
        check(&vector, &configured, text(&vector, "payload_json").as_bytes());
    }
}

/// The `envelope` vectors deliver an event svc-infra had built of a payload, the `raw` ones a payload without its event.
#[test]
fn svc_infra() {
    for vector in vectors("svc_infra_hmac_sha256_hex_canonical") {
        let published = text(&vector, "payload_json");
        let whole = Configured {
            envelope: Some(Envelope::Event),
            ..Configured::new(WireProfile::SvcInfra, text(&vector, "secret"))
        };
        check(&vector, &whole, published.as_bytes());
        if !text(&vector, "name").contains("/raw/") {
            let wrapping = Configured::new(WireProfile::SvcInfra, text(&vector, "secret"));
            check(&vector, &wrapping, inner_payload(published).as_bytes());
        }
    }
}

/// The source of the member `payload`.
fn inner_payload(event: &str) -> String {
    #[derive(serde::Deserialize)]
    struct Outer {
        payload: Box<serde_json::value::RawValue>,
    }
    let outer: Outer = serde_json::from_str(event).expect("valid JSON");
    outer.payload.get().to_owned()
}

#[test]
fn stripe_as_dealix_sends_it() {
    for vector in vectors("stripe_t_v1_hex") {
        let configured = Configured::new(WireProfile::Dealix, text(&vector, "secret"));
        check(&vector, &configured, text(&vector, "payload_json").as_bytes());
    }
}

#[test]
fn servo() {
    for vector in vectors("servo_hmac_sha1_hex") {
        let configured = Configured::new(WireProfile::Custom, text(&vector, "secret"))
            .signing(&[SignatureScheme::ServoSha1]);
        let (headers, sent) = configured.send(&event(&vector, &body(&vector))).expect("raw");
        assert_eq!(sent, body(&vector));
        assert_eq!(headers["x-servo-signature"], text(&vector, "signature"), "{}", text(&vector, "name"));
        if text(&vector, "name").starts_with("connector/") {
            let servo = Configured::new(WireProfile::Servo, text(&vector, "secret"));
            check(&vector, &Configured { envelope: Some(Envelope::Event), ..servo }, &body(&vector));
        }
    }
}

#[test]
fn standard_webhooks() {
    for vector in vectors("standard_webhooks_v1") {
        if vector["error"].is_string() {
            continue;
        }
        let configured = Configured::new(WireProfile::Custom, text(&vector, "secret"))
            .signing(&[SignatureScheme::StandardWebhooks]);
        check(&vector, &configured, &body(&vector));
    }
    let empty = Configured::new(WireProfile::StandardWebhooks, "whsec_");
    assert!(empty.prepare().is_err(), "a secret of nothing");
}

#[test]
fn standard_webhooks_by_ed25519() {
    for vector in vectors("standard_webhooks_v1a") {
        for form in ["secret", "secret_seed_form"] {
            let configured = Configured::new(WireProfile::Custom, text(&vector, form))
                .signing(&[SignatureScheme::StandardWebhooksEd25519]);
            check(&vector, &configured, &body(&vector));
            let key = configured.prepare().expect("prepared").public_keys()[0];
            assert_eq!(format!("whpk_{}", STANDARD.encode(key)), text(&vector, "public_key"));
        }
        let own = Configured {
            own_key: Some(secret(text(&vector, "secret"))),
            ..Configured::new(WireProfile::Custom, "")
        };
        check(&vector, &own.signing(&[SignatureScheme::StandardWebhooksEd25519]), &body(&vector));
    }
}

#[test]
fn firefly_rust() {
    for vector in vectors("firefly_rust_sha256_hex_sorted") {
        let configured = Configured::new(WireProfile::Custom, text(&vector, "secret"))
            .signing(&[SignatureScheme::FireflyRust]);
        // What upstream sent is a fixed point of its form, so it is signed as it is.
        check(&vector, &configured, &body(&vector));
        // Upstream turned big integers into doubles; ours stay what they are.
        if !text(&vector, "name").starts_with("bigints") {
            check(&vector, &configured, text(&vector, "payload_json").as_bytes());
            assert_eq!(sorted(text(&vector, "payload_json")).expect("JSON"), text(&vector, "body_utf8"));
        }
    }
}
