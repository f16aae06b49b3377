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
