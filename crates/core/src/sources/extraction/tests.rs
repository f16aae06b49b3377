use std::sync::Arc;

use proptest::prelude::*;
use serde_json::Value;

use super::super::message::Said;
use super::*;

const MAX: usize = 1024;

fn message(payload: Option<&str>, headers: &[(&str, &str)]) -> SourceMessage {
    let place = Place {
        topic: Arc::from("orders"),
        partition: Arc::from("3"),
        position: "42".to_owned(),
        lasting: true,
    };
    SourceMessage {
        place,
        said: Said::default(),
        key: None,
        headers: headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), Bytes::copy_from_slice(value.as_bytes())))
            .collect(),
        payload: payload.map(|text| Bytes::copy_from_slice(text.as_bytes())),
    }
}

fn subscription() -> SubscriptionId {
    Uuid::from_u128(7).into()
}

fn event(message: &SourceMessage) -> ReceivedEvent {
    match extract(message, subscription(), MAX) {
        Extracted::Event(event) => *event,
        other => panic!("no event: {other:?}"),
    }
}

fn reason(message: &SourceMessage) -> String {
    match extract(message, subscription(), MAX) {
        Extracted::Poison(reason) => reason,
        other => panic!("not poison: {other:?}"),
    }
}

/// What the service does where the compatible system does something else: blank and structured types count as absent, any
/// id is kept as it is (numbers too), and a missing one is derived.
fn corrected(payload: &str, their_type: &str, their_id: &str) -> (String, String) {
    let derived = derived_id(subscription(), &message(None, &[]).place, None).to_string();
    let event_type = match payload {
        r#"{"eventType":""}"# => "h",
        r#"{"eventType":{"n":"x"}}"# => UNKNOWN_TYPE,
        _ => their_type,
    };
    let id = match payload {
        _ if payload.contains("not-a-uuid") => "not-a-uuid".to_owned(),
        r#"{"eventType":"t","id":12345}"# => "12345".to_owned(),
        _ if payload.contains("550E8400") => "550E8400-E29B-41D4-A716-446655440000".to_owned(),
        _ if their_id == "<random uuid>" => derived,
        _ => their_id.to_owned(),
    };
    (event_type.to_owned(), id)
}

#[test]
fn the_vectors_of_the_compatible_system_hold_as_corrected() {
    let vectors: Value =
        serde_json::from_str(include_str!("../../../tests/vectors/events.json")).expect("vectors are JSON");
    for case in vectors["cases"].as_array().expect("an array of cases") {
        let payload = case["payload_json"].as_str().expect("a payload");
        let headers: Vec<(&str, &str)> = case["headers"]
            .as_object()
            .map(|headers| {
                headers.iter().map(|(name, value)| (name.as_str(), value.as_str().expect("text"))).collect()
            })
            .unwrap_or_default();
        let theirs = &case["expected"];
        let wanted = corrected(
            payload,
            theirs["event_type"].as_str().expect("a type"),
            theirs["event_id"].as_str().expect("an id"),
        );
        let found = event(&message(Some(payload), &headers));
        assert_eq!((found.event_type.as_str().to_owned(), found.id.expect("an id")), wanted, "{payload}");
        assert_eq!(found.payload, payload.as_bytes());
    }
}

#[test]
fn a_cloud_events_attributes_count_before_its_data() {
    let headers = [
        ("ce_specversion", "1.0"),
        ("ce_id", "A"),
        ("ce_type", "t"),
        ("ce_source", "/s"),
        ("content-type", "application/json"),
    ];
    let found = event(&message(Some(r#"{"id":"entity","type":"entity-type"}"#), &headers));
    assert_eq!(
        (found.id.as_deref(), found.event_type.as_str(), found.source.as_str()),
        (Some("A"), "t", "/s")
    );
    assert_eq!(found.content_type.as_deref(), Some("application/json"));
}

#[test]
fn a_structured_cloud_events_data_is_the_payload() {
    let value = r#"{"specversion":"1.0","id":"A","type":"t","source":"/s","time":"2026-01-31T12:00:00Z","data":[1, 2]}"#;
    let found = event(&message(Some(value), &[("content-type", "application/cloudevents+json")]));
    assert_eq!((&found.payload[..], found.id.as_deref()), (&b"[1, 2]"[..], Some("A")));
    assert!(found.occurred_at.is_some());
}

#[test]
fn what_is_no_json_needs_a_header_that_names_its_type() {
    assert!(reason(&message(Some("canary{"), &[])).contains("not JSON"));
    let found = event(&message(Some("canary{"), &[("event-type", "raw.bytes")]));
    assert_eq!((found.event_type.as_str(), &found.payload[..]), ("raw.bytes", &b"canary{"[..]));
}

#[test]
fn tombstones_are_events_only_when_they_name_a_type() {
    assert!(matches!(extract(&message(None, &[]), subscription(), MAX), Extracted::Tombstone));
    let found = event(&message(None, &[("type", "order.deleted")]));
    assert!(found.payload.is_empty());
}

#[test]
fn what_no_row_or_header_could_carry_is_poison() {
    let long = format!(r#"{{"type":"{}"}}"#, "x".repeat(256));
    assert!(reason(&message(Some(&long), &[])).contains("255"));
    assert!(reason(&message(Some(r#"{"type":"a\nb"}"#), &[])).contains("control"));
    let long_id = format!(r#"{{"type":"t","id":"{}"}}"#, "x".repeat(256));
    assert!(reason(&message(Some(&long_id), &[])).contains("id"));
    assert!(reason(&message(Some(&"1".repeat(MAX + 1)), &[])).contains("bytes"));
}

#[test]
fn places_that_do_not_last_give_no_id() {
    let mut fleeting = message(Some("{}"), &[]);
    fleeting.place.lasting = false;
    assert_eq!(event(&fleeting).id, None);
    fleeting.said.id = Some("m-1".to_owned());
    assert_eq!(event(&fleeting).id.as_deref(), Some("m-1"));
}

#[test]
fn the_key_and_printable_headers_are_kept_within_limits() {
    let many: Vec<(String, String)> = (0..100).map(|n| (format!("h{n}"), "v".repeat(100))).collect();
    let headers: Vec<(&str, &str)> =
        many.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let mut sent = message(Some("{}"), &headers);
    sent.key = Some(Bytes::from_static(b"customer-1"));
    sent.headers.push(("bad".to_owned(), Bytes::from_static(b"a\r\nb")));
    sent.headers.push(("binary".to_owned(), Bytes::from_static(b"\xff")));
    let kept = event(&sent).headers.expect("headers");
    assert_eq!(kept.get(KEY_HEADER).map(String::as_str), Some("customer-1"));
    assert!(kept.len() <= EVENT_HEADERS_MAX && !kept.contains_key("bad") && !kept.contains_key("binary"));
}

proptest! {
    /// Whatever a producer sends, it is an event, a tombstone or poison; an event's id is the same each time, and its
    /// payload what was sent.
    #[test]
    fn nothing_breaks_it(payload in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..200)), header in "[ -~]{0,20}", value in "\\PC{0,40}") {
        let mut sent = message(None, &[(&header, &value)]);
        sent.payload = payload.map(Bytes::from);
        let again = sent.clone();
        if let (Extracted::Event(first), Extracted::Event(second)) = (extract(&sent, subscription(), MAX), extract(&again, subscription(), MAX)) {
            prop_assert_eq!(&first.id, &second.id);
            prop_assert!(first.id.is_some());
        }
    }

    /// Every place has an id of its own.
    #[test]
    fn places_do_not_share_ids(a in 0_u64..1000, b in 0_u64..1000) {
        let at = |position: u64| Place { topic: Arc::from("t"), partition: Arc::from("0"), position: position.to_string(), lasting: true };
        prop_assert_eq!(a == b, derived_id(subscription(), &at(a), None) == derived_id(subscription(), &at(b), None));
    }
}
