//! The checked-in OpenAPI document is the one the service serves.

use callbacks_web::serving::openapi;

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../openapi/callbacks.v1.json");

#[test]
fn the_checked_in_document_is_current() {
    let current = openapi::json();
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        std::fs::write(PATH, &current).expect("the document can be written");
    }
    let stored = std::fs::read_to_string(PATH).unwrap_or_default();
    assert!(
        stored == current,
        "openapi/callbacks.v1.json is out of date: run `UPDATE_OPENAPI=1 cargo test -p callbacks-web`"
    );
}

#[test]
fn every_reference_resolves() {
    let document: serde_json::Value = serde_json::from_str(&openapi::json()).expect("json");
    let text = document.to_string();
    for part in text.split("\"#/components/schemas/").skip(1) {
        let name = part.split('"').next().expect("a name");
        assert!(
            document["components"]["schemas"].get(name).is_some(),
            "{name} is referred to but not described"
        );
    }
}

#[test]
fn names_are_documented_as_they_are_sent() {
    let document: serde_json::Value = serde_json::from_str(&openapi::json()).expect("json");
    let schemas = document["components"]["schemas"].as_object().expect("schemas");
    let mut named = 0;
    for (schema, described) in schemas {
        for name in described["enum"].as_array().into_iter().flatten() {
            let name = name.as_str().expect("a name");
            let is_sent = name == name.to_uppercase() || name == name.to_lowercase();
            assert!(is_sent, "{schema} is documented with {name}, which is a name of the code");
            named += 1;
        }
    }
    assert!(named > 50, "{named} names");
    assert_eq!(schemas["CallbackStatus"]["enum"][0], "ACTIVE");
}
