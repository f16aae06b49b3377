//! The catalogue's signatures, as far as they are made here: what is signed, when, and with which secrets.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use callbacks_core::wire::profile::DeliveryFacts;
use callbacks_interfaces::wire_profile::WireProfile;
use callbacks_testkit::hostile_corpus::{Entry, Section, entries};
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::HeaderMap;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use sha2::Sha256;
use time::Duration;

use crate::configured::{Configured, Event, secret};

const NEW: &str = "whsec_bmV3";
const OLD: &str = "whsec_b2xk";
const OLDER: &str = "whsec_b2xkZXI=";
/// Bytes a signature header may have.
const HEADER: usize = 4096;
/// Payloads that are signed and verified.
const PAYLOADS: u32 = 10_000;

fn entry(category: &str, id: &str) -> Entry {
    entries(category).into_iter().find(|entry| entry.id == id).expect("is in the catalogue")
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers[name].to_str().expect("ASCII")
}

/// A Standard Webhooks signature by its definition, not with the code under test.
fn by_definition(key: &str, id: &str, timestamp: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("any length");
    for piece in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
        mac.update(piece);
    }
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

/// Members in an order of their own, some twice, with spaces: what no serializer would write again the same way.
fn payload() -> impl Strategy<Value = String> {
    let member = ("[a-z\u{e9}]{0,3}", "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,4})?(e[0-9])?", " {0,2}");
    prop::collection::vec(member, 0..8).prop_map(|members| {
        let written: Vec<String> =
            members.iter().map(|(name, value, gap)| format!("\"{name}\":{gap}{value}{gap}")).collect();
        format!("{{{}}}", written.join(","))
    })
}

/// SG-003.
fn whatever_order_the_members_have() -> String {
    let configured = Configured::new(WireProfile::StandardWebhooks, NEW).prepare().expect("prepared");
    let mut runner = TestRunner::new(ProptestConfig {
        cases: PAYLOADS,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let outcome = runner.run(&payload(), |payload| {
        let event = Event::of(payload.as_bytes());
        let (headers, body) = configured.build(&event.facts(&payload.clone().into())).expect("built");
        let expected =
            by_definition("new", text(&headers, "webhook-id"), text(&headers, "webhook-timestamp"), &body);
        prop_assert_eq!(text(&headers, "webhook-signature"), expected);
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("SG-003: {error}"));
    format!("the signatures of {PAYLOADS} payloads verify over the bytes sent")
}

/// SG-004. A broker may hand over such an id, so the delivery is made, and the id can be cut in one way only.
fn a_full_stop_in_an_id(entry: &Entry) -> String {
    let event = Event { id: entry.text("event_id"), ..Event::of(b"{}") };
    let (headers, body) = Configured::new(WireProfile::StandardWebhooks, NEW).send(&event).expect("sent");
    let (id, timestamp) = (text(&headers, "webhook-id"), text(&headers, "webhook-timestamp"));
    assert!(!id.contains('.'), "{id}");
    assert_eq!(text(&headers, "webhook-signature"), by_definition("new", id, timestamp, &body));
    format!("not refused, and never sent as it is: webhook-id: {id}, which is what is signed")
}

/// SG-005.
fn an_attempt_an_hour_later() -> String {
    let configured = Configured::new(WireProfile::StandardWebhooks, NEW).prepare().expect("prepared");
    let (event, payload) =
        (Event { attempt: 1, ..Event::of(b"{\"a\":1}") }, Bytes::from_static(b"{\"a\":1}"));
    let first = event.facts(&payload);
    let second = DeliveryFacts { attempt: 2, at: first.at + Duration::HOUR, ..first };
    let (before, body) = configured.build(&first).expect("built");
    let (after, same) = configured.build(&second).expect("built");
    assert_eq!(body, same);
    assert_eq!(before["webhook-id"], after["webhook-id"]);
    let seconds = |headers| text(headers, "webhook-timestamp").parse::<i64>().expect("seconds");
    assert_eq!(seconds(&after) - seconds(&before), 3600);
    assert_ne!(before["webhook-signature"], after["webhook-signature"]);
    let (id, timestamp) = (text(&after, "webhook-id"), text(&after, "webhook-timestamp"));
    assert_eq!(text(&after, "webhook-signature"), by_definition("new", id, timestamp, &body));
    "same webhook-id, webhook-timestamp an hour later, a new signature that verifies".to_owned()
}

/// SG-012. The second rotation an hour after the first; each secret signs until its own time.
fn two_rotations_within_a_day() -> String {
    let second = Event::of(b"").at;
    let left = [Duration::DAY, Duration::hours(23)];
    let configured = Configured {
        previous: [OLD, OLDER]
            .into_iter()
            .zip(left)
            .map(|(key, left)| (secret(key), second + left))
            .collect(),
        ..Configured::new(WireProfile::StandardWebhooks, NEW)
    };
    for (later, expected) in [
        (Duration::ZERO, &["new", "old", "older"][..]),
        (Duration::hours(23) - Duration::SECOND, &["new", "old", "older"]),
        (Duration::hours(23), &["new", "old"]),
        (Duration::DAY, &["new"]),
    ] {
        let event = Event { at: second + later, ..Event::of(b"{}") };
        let (headers, body) = configured.send(&event).expect("sent");
        let (id, timestamp) = (text(&headers, "webhook-id"), text(&headers, "webhook-timestamp"));
        let each: Vec<_> = expected.iter().map(|key| by_definition(key, id, timestamp, &body)).collect();
        let list = text(&headers, "webhook-signature");
        assert_eq!(list, each.join(" "), "{later} after the second rotation");
        assert!(list.len() <= HEADER);
    }
    "three signatures, the newest first, separated by spaces; each secret until its own 24 h are over"
        .to_owned()
}

#[test]
fn what_is_signed_is_what_is_sent() {
    let mut section = Section::new("signature", file!());
    section.record(&entry("signature", "SG-003"), &whatever_order_the_members_have());
    let stopped = entry("signature", "SG-004");
    section.record(&stopped, &a_full_stop_in_an_id(&stopped));
    section.record(&entry("signature", "SG-005"), &an_attempt_an_hour_later());
    section.record(&entry("signature", "SG-012"), &two_rotations_within_a_day());
    section.finish();
}

/// Which of the two secrets an attempt signs with, so long after a rotation that overlaps by a day.
fn signers(since_rotation: Duration) -> Vec<&'static str> {
    let rotated_at = Event::of(b"").at;
    let until = rotated_at + Duration::DAY;
    let configured = Configured {
        previous: vec![(secret(OLD), until)],
        ..Configured::new(WireProfile::StandardWebhooks, NEW)
    };
    let event = Event { at: rotated_at + since_rotation, ..Event::of(b"{}") };
    let (headers, body) = configured.send(&event).expect("sent");
    let (id, timestamp) = (text(&headers, "webhook-id"), text(&headers, "webhook-timestamp"));
    let name =
        |one: &str| ["new", "old"].into_iter().find(|key| by_definition(key, id, timestamp, &body) == one);
    text(&headers, "webhook-signature").split(' ').map(|one| name(one).expect("verifies")).collect()
}

#[test]
fn both_secrets_sign_for_a_day() {
    for (after, expected) in [
        (Duration::ZERO, &["new", "old"][..]),
        (Duration::DAY - Duration::SECOND, &["new", "old"]),
        (Duration::DAY, &["new"]),
        (Duration::days(2), &["new"]),
    ] {
        assert_eq!(signers(after), expected, "{after} after the rotation");
    }
    let mut section = Section::new("secrets_logging", file!());
    let result = "an attempt signs with both secrets until a second before 24 h are over, and at 24 h with the new one only";
    section.record(&entry("secrets_logging", "SL-010"), result);
    section.finish();
}
