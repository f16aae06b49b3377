//! Headers as text: facts made safe for a header, and headers made safe to be stored and shown.

use std::borrow::Cow;
use std::fmt::Write as _;

use callbacks_interfaces::masked::{MASK, is_sensitive_name};
use http::{HeaderMap, HeaderName, HeaderValue};
use time::{OffsetDateTime, UtcOffset};

use super::url_userinfo::without_userinfo;

/// A text as a header can carry it: visible ASCII as it is, everything else, and `%`, percent-encoded as UTF-8 (the
/// rule of the CloudEvents HTTP binding), so that two different texts never look the same.
pub fn header_text(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'%') {
        return Cow::Borrowed(text);
    }
    let mut encoded = String::with_capacity(text.len() + 16);
    for byte in text.bytes() {
        if byte.is_ascii_graphic() && byte != b'%' {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    Cow::Owned(encoded)
}

/// An instant as Java's `Instant.toString` writes it: UTC, `Z`, and 0, 3, 6 or 9 digits of a second.
pub fn instant_text(at: OffsetDateTime) -> String {
    let at = at.to_offset(UtcOffset::UTC);
    let (year, month, day) = (at.year(), u8::from(at.month()), at.day());
    let (hour, minute, second) = at.to_hms();
    let mut text = String::with_capacity(30);
    let fraction = at.nanosecond();
    // Writing to a String cannot fail.
    let _ = write!(text, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
    let _ = match fraction {
        0 => Ok(()),
        _ if fraction.is_multiple_of(1_000_000) => write!(text, ".{:03}", fraction / 1_000_000),
        _ if fraction.is_multiple_of(1_000) => write!(text, ".{:06}", fraction / 1_000),
        _ => write!(text, ".{fraction:09}"),
    };
    text.push('Z');
    text
}

/// Headers as a JSON object of texts, with every value masked that is as good as a password: those marked as
/// sensitive, and those whose name says so. Of URLs the name and password are masked. A name that occurs several times has its values joined by `, `.
pub fn redacted(headers: &HeaderMap) -> String {
    let mut json = String::with_capacity(64 + headers.len() * 48);
    json.push('{');
    let mut previous = None;
    // Values of one name follow each other.
    for (name, value) in headers {
        if previous == Some(name) {
            json.push_str(", ");
        } else {
            // Names are tokens in lower case: nothing in them needs escaping.
            json.push_str(if previous.is_some() { "\",\"" } else { "\"" });
            json.push_str(name.as_str());
            json.push_str("\":\"");
        }
        push_value(&mut json, name, value);
        previous = Some(name);
    }
    json.push_str(if previous.is_some() { "\"}" } else { "}" });
    json
}

fn push_value(json: &mut String, name: &HeaderName, value: &HeaderValue) {
    if value.is_sensitive() || must_be_masked(name.as_str()) {
        return json.push_str(MASK);
    }
    push_escaped(json, &without_userinfo(&String::from_utf8_lossy(value.as_bytes())));
}

/// Names met on nearly every request and response, which need no closer look.
const HARMLESS: [&str; 21] = [
    "date",
    "server",
    "connection",
    "user-agent",
    "keep-alive",
    "content-type",
    "content-length",
    "x-event-id",
    "x-event-type",
    "x-timestamp",
    "x-delivery-id",
    "x-delivery-attempt",
    "x-callbacks-hops",
    "x-request-id",
    "cache-control",
    "transfer-encoding",
    "vary",
    "x-topic",
    "x-attempt",
    "webhook-id",
    "webhook-timestamp",
];

/// A signature proves knowledge of a secret without being one, and is what a receiver's developer needs to see.
fn must_be_masked(name: &str) -> bool {
    !HARMLESS.contains(&name) && !name.ends_with("signature") && is_sensitive_name(name)
}

fn push_escaped(json: &mut String, text: &str) {
    if text.bytes().all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\') {
        return json.push_str(text);
    }
    for character in text.chars() {
        match character {
            '"' | '\\' => {
                json.push('\\');
                json.push(character);
            }
            // PostgreSQL's text and JSON's strings both hold no raw control characters.
            control if control < ' ' => {
                let _ = write!(json, "\\u{:04x}", u32::from(control));
            }
            other => json.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use time::macros::datetime;

    use super::*;

    #[test]
    fn instants_look_like_javas() {
        for (at, text) in [
            (datetime!(2025-11-01 10:00:00 UTC), "2025-11-01T10:00:00Z"),
            (datetime!(2025-11-01 10:00:00.25 UTC), "2025-11-01T10:00:00.250Z"),
            (datetime!(2025-11-01 10:00:00.000_123 UTC), "2025-11-01T10:00:00.000123Z"),
            (datetime!(2025-11-01 10:00:00.000_000_007 UTC), "2025-11-01T10:00:00.000000007Z"),
            (datetime!(2025-11-01 12:00:00 +2), "2025-11-01T10:00:00Z"),
            (datetime!(0007-01-01 0:00:00 UTC), "0007-01-01T00:00:00Z"),
        ] {
            assert_eq!(instant_text(at), text);
        }
    }

    #[test]
    fn only_visible_ascii_stays_as_it_is() {
        assert_eq!(header_text("order.created"), "order.created");
        assert_eq!(header_text("caf\u{e9} 100%\r\n"), "caf%C3%A9%20100%25%0D%0A");
    }

    #[test]
    fn passwords_are_masked_and_signatures_are_not() {
        let mut headers = HeaderMap::new();
        for name in [
            "authorization",
            "proxy-authorization",
            "cookie",
            "set-cookie",
            "x-api-key",
            "x-my-token",
            "client-secret",
        ] {
            headers.insert(name, HeaderValue::from_static("canary"));
        }
        let mut marked = HeaderValue::from_static("canary");
        marked.set_sensitive(true);
        headers.insert("x-plain-name", marked);
        headers.insert("x-firefly-signature", HeaderValue::from_static("c2ln"));
        headers.append("x-list", HeaderValue::from_static("a\"b"));
        headers.append("x-list", HeaderValue::from_static("c\\d"));
        headers.insert("location", HeaderValue::from_static("https://user:canary@127.0.0.1/"));
        let json = redacted(&headers);
        assert!(!json.contains("canary"), "{json}");
        let shown: BTreeMap<String, String> = serde_json::from_str(&json).expect("valid JSON");
        assert_eq!(shown["authorization"], MASK);
        assert_eq!(shown["x-firefly-signature"], "c2ln");
        assert_eq!(shown["x-list"], "a\"b, c\\d");
        assert_eq!(redacted(&HeaderMap::new()), "{}");
    }

    #[test]
    fn no_harmless_name_is_sensitive() {
        for name in HARMLESS {
            assert!(!is_sensitive_name(name), "{name}");
        }
    }

    proptest! {
        #[test]
        fn any_headers_become_valid_json(values in prop::collection::vec(prop::collection::vec(0x20_u8..=0xff, 0..20), 0..5)) {
            let mut headers = HeaderMap::new();
            for (number, value) in values.iter().enumerate() {
                if let Ok(value) = HeaderValue::from_bytes(value) {
                    headers.insert(HeaderName::try_from(format!("x-{number}")).expect("a name"), value);
                }
            }
            let shown: BTreeMap<String, String> = serde_json::from_str(&redacted(&headers)).expect("valid JSON");
            prop_assert_eq!(shown.len(), headers.len());
        }

        #[test]
        fn header_text_is_always_a_header_and_never_ambiguous(a in ".{0,20}", b in ".{0,20}") {
            prop_assert!(HeaderValue::from_str(&header_text(&a)).is_ok());
            prop_assert_eq!(a == b, header_text(&a) == header_text(&b));
        }
    }
}
