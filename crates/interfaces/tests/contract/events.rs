//! Events as producers send them, well and badly.

use callbacks_interfaces::event_submission::EventSubmission;
use proptest::prelude::*;

fn refusals(body: &str) -> Vec<(String, String)> {
    let errors = EventSubmission::parse(body.as_bytes()).expect_err(body);
    errors.0.into_iter().map(|error| (error.field, error.code)).collect()
}

fn refusal(body: &str) -> (String, String) {
    refusals(body).swap_remove(0)
}

#[test]
fn everything_is_read() {
    let body = br#"{"id":"e\u002d1","type":"order.created","payload":{"b":1, "a":1.0e+2},
        "occurredAt":"2026-01-01T00:00:00Z","source":"shop","headers":{"h":"v"},
        "tenantId":"acme","else":[1]}"#;
    let event = EventSubmission::parse(body).expect("valid");
    assert_eq!(event.id.as_deref(), Some("e-1"));
    assert_eq!(event.event_type.as_str(), "order.created");
    assert_eq!(&*event.payload, r#"{"b":1, "a":1.0e+2}"#);
    assert_eq!(event.occurred_at.map(time::OffsetDateTime::unix_timestamp), Some(1_767_225_600));
    assert_eq!(event.source.as_deref(), Some("shop"));
    assert_eq!(event.headers.and_then(|h| h.get("h").cloned()).as_deref(), Some("v"));
    assert_eq!(event.tenant.expect("named").as_str(), "acme");
}

#[test]
fn other_names_and_repeats_are_read() {
    let body = br#"{"eventType":"a","eventType":"b","eventId":"i","payload":null,"id":null}"#;
    let event = EventSubmission::parse(body).expect("valid");
    assert_eq!(event.event_type.as_str(), "b");
    assert_eq!(event.id, None, "the last of a property's names counts");
    assert_eq!(&*event.payload, "null");
}

#[test]
fn a_payload_is_never_touched() {
    for payload in [
        r#""\ud800""#,
        r#"{"a":1,"a":2}"#,
        "1e400",
        "123456789012345678901234567890.10",
        "[ 1 ,\t2 ]",
        r#""\u0000""#,
    ] {
        let body = format!(r#"{{"type":"t","payload":{payload}}}"#);
        let event = EventSubmission::parse(body.as_bytes()).expect(payload);
        assert_eq!(&*event.payload, payload);
    }
}

#[test]
fn bad_events_name_the_field() {
    let pair = |field: &str, code: &str| (field.to_owned(), code.to_owned());
    assert_eq!(refusal(""), pair("", "NotNull"));
    assert_eq!(refusal("null"), pair("", "Malformed"));
    assert_eq!(refusal("[]"), pair("", "Malformed"));
    assert_eq!(refusal(r#"{"type":"t","payload":NaN}"#), pair("", "Malformed"));
    assert_eq!(refusal(r#"{"type":"t","payload":1}x"#), pair("", "Malformed"));
    assert_eq!(refusals("{}"), [pair("type", "NotBlank"), pair("payload", "NotNull")]);
    let with = |member: &str| format!(r#"{{"type":"t","payload":1,{member}}}"#);
    for (member, field, code) in [
        (r#""type":5"#, "type", "TypeMismatch"),
        (r#""type":" ""#, "type", "Pattern"),
        (r#""type":"a\r\nX: 1""#, "type", "Pattern"),
        (r#""id":5"#, "id", "TypeMismatch"),
        (r#""id":"""#, "id", "NotBlank"),
        (r#""id":"\u0000""#, "id", "Pattern"),
        (r#""source":["x"]"#, "source", "TypeMismatch"),
        (r#""occurredAt":"yesterday""#, "occurredAt", "Pattern"),
        (r#""headers":{"a":1}"#, "headers", "TypeMismatch"),
        (r#""headers":{"a":"\n"}"#, "headers", "Pattern"),
        (r#""tenantId":" ""#, "tenantId", "Pattern"),
    ] {
        assert_eq!(refusal(&with(member)), pair(field, code), "{member}");
    }
    let long_id = format!(r#""id":"{}""#, "x".repeat(256));
    assert_eq!(refusal(&with(&long_id)), pair("id", "Size"));
    let headers: Vec<String> = (0..65).map(|n| format!(r#""h{n}":"""#)).collect();
    let many_headers = format!(r#""headers":{{{}}}"#, headers.join(","));
    assert_eq!(refusal(&with(&many_headers)), pair("headers", "Size"));
}

#[test]
fn deep_payloads_are_refused_and_brackets_in_texts_are_not() {
    let nested = |depth: usize| {
        let (open, close) = ("[".repeat(depth), "]".repeat(depth));
        format!(r#"{{"type":"t","payload":{open}{close}}}"#)
    };
    assert!(EventSubmission::parse(nested(128).as_bytes()).is_ok());
    assert_eq!(refusal(&nested(129)).0, "payload");
    assert_eq!(refusal(&nested(100_000)).0, "payload");
    let text = format!(r#"{{"type":"t","payload":"\"{}\\"}}"#, "[".repeat(1000));
    assert!(EventSubmission::parse(text.as_bytes()).is_ok());
    let wide = format!(r#"{{"type":"t","payload":[{}[]]}}"#, "[],".repeat(1000));
    assert!(EventSubmission::parse(wide.as_bytes()).is_ok());
}

#[test]
fn batches_are_read_and_errors_name_the_event() {
    let one = r#"{"type":"t","payload":1}"#;
    let bare = format!("[{one},{one}]");
    let wrapped = format!(r#" {{"events":[{one}]}}"#);
    assert_eq!(EventSubmission::parse_batch(bare.as_bytes()).expect("valid").len(), 2);
    assert_eq!(EventSubmission::parse_batch(wrapped.as_bytes()).expect("valid").len(), 1);
    let refused = |body: &str| {
        let errors = EventSubmission::parse_batch(body.as_bytes()).expect_err(body);
        errors.0.into_iter().map(|error| error.field).collect::<Vec<_>>()
    };
    assert_eq!(refused(&format!(r#"[{one},{{"type":5}},7]"#)), ["[1].type", "[1].payload", "[2]"]);
    assert_eq!(refused("[]"), [""]);
    assert_eq!(refused("{}"), [""]);
    assert_eq!(refused("x"), [""]);
    assert_eq!(refused(&format!("[{}{one}]", format!("{one},").repeat(1000))), [""]);
}

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        ".{0,20}".prop_map(Into::into),
    ];
    leaf.prop_recursive(6, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Into::into),
            prop::collection::btree_map(".{0,8}", inner, 0..8)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_payload_is_kept_byte_for_byte(payload in any_json(), pretty: bool) {
        let payload = if pretty {
            serde_json::to_string_pretty(&payload).expect("serialises")
        } else {
            payload.to_string()
        };
        let body = format!(r#"{{"type":"t","payload": {payload} }}"#);
        let event = EventSubmission::parse(body.as_bytes()).expect("valid");
        prop_assert_eq!(&*event.payload, payload.as_str());
    }

    #[test]
    fn no_body_makes_the_parser_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = EventSubmission::parse(&body);
        let _ = EventSubmission::parse_batch(&body);
    }

    #[test]
    fn depth_is_counted_exactly(arrays in 0_usize..200, text in "[\\[\\]{}\"\\\\]{0,300}") {
        let text = serde_json::Value::from(text).to_string();
        let body = format!(
            r#"{{"type":"t","payload":{}{text}{}}}"#, "[".repeat(arrays), "]".repeat(arrays)
        );
        let result = EventSubmission::parse(body.as_bytes());
        prop_assert_eq!(result.is_ok(), arrays <= 128);
    }
}
