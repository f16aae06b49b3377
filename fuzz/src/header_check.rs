//! A header that may be configured can be sent, and cannot be two.

use std::collections::BTreeMap;

use callbacks_interfaces::wire_headers::{custom_header_problems, is_header_name, is_header_value};
use http::{HeaderName, HeaderValue};

/// One line a header, name and value separated by the first colon.
pub fn survives(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let headers: BTreeMap<String, String> = text
        .split('\n')
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    for (name, value) in &headers {
        if is_header_name(name) {
            HeaderName::from_bytes(name.as_bytes()).expect("an accepted name is one to the library too");
        }
        if is_header_value(value) {
            HeaderValue::from_str(value).expect("an accepted value is one to the library too");
            assert!(!value.contains(['\r', '\n', '\0']), "{value:?}");
        }
    }
    if custom_header_problems(&headers, Some("X-Firefly-Signature")).is_empty() {
        for (name, value) in &headers {
            assert!(is_header_name(name) && is_header_value(value), "{name}: {value}");
            let lower = name.to_ascii_lowercase();
            let owned = ["host", "content-length", "transfer-encoding", "connection", "x-firefly-signature"];
            assert!(!owned.contains(&lower.as_str()), "{name} belongs to the request itself");
        }
    }
}
