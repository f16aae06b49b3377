//! Whole requests of every profile, compared with files. `UPDATE_GOLDEN=1` writes them anew; look at what changed.

use std::collections::BTreeMap;
use std::path::PathBuf;

use callbacks_interfaces::envelope::Envelope;
use callbacks_interfaces::named_enum::NamedEnum as _;
use callbacks_interfaces::wire_profile::WireProfile;
use serde_json::{Value, json};

use crate::configured::{Configured, Event};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const PAYLOAD: &str =
    "{\"orderId\": 7, \"total\": 12.50, \"name\": \"Jos\u{e9} \u{1f600}\", \"big\": 12345678901234567890}";

fn request(configured: &Configured) -> Value {
    let (headers, body) = configured.send(&Event::of(PAYLOAD.as_bytes())).expect("sent");
    let headers: BTreeMap<&str, String> = headers
        .iter()
        .map(|(name, value)| {
            (name.as_str(), value.to_str().expect("ASCII").replace(env!("CARGO_PKG_VERSION"), "<version>"))
        })
        .collect();
    json!({"headers": headers, "body": std::str::from_utf8(&body).expect("text")})
}

fn compare(name: &str, configured: &Configured) {
    let path =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/wire/golden").join(format!("{name}.json"));
    let request = request(configured);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let text = serde_json::to_string_pretty(&request).expect("serialises");
        std::fs::write(&path, text + "\n").expect("written");
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert_eq!(serde_json::from_str::<Value>(&golden).expect("valid JSON"), request, "{name}");
}

#[test]
fn every_profile() {
    for (name, profile) in WireProfile::ALL {
        compare(&name.to_ascii_lowercase(), &Configured::new(*profile, SECRET));
    }
}

#[test]
fn cloud_events_in_binary_mode() {
    let binary =
        Configured { envelope: Some(Envelope::Event), ..Configured::new(WireProfile::CloudEvents, SECRET) };
    compare("cloudevents_binary", &binary);
}
