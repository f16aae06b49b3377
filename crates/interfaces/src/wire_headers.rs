//! Which headers a configuration may add to its callbacks.

use std::collections::BTreeMap;

use crate::field_errors::FieldError;

/// Most custom headers of a configuration.
pub const CUSTOM_HEADERS_MAX: usize = 64;
/// Longest value, in octets.
pub const HEADER_VALUE_MAX_OCTETS: usize = 8 * 1024;
/// Most octets of all names and values together.
pub const CUSTOM_HEADERS_MAX_OCTETS: usize = 16 * 1024;
/// Longest name, in octets.
pub const HEADER_NAME_MAX_OCTETS: usize = 100;

/// The templates a custom header's value may use.
pub const HEADER_TEMPLATES: &[&str] = &["eventId", "eventType", "tenantId", "attempt", "timestamp"];

/// Names nobody may set, in lower case: framing and routing belong to the HTTP client, the rest
/// states facts about the delivery that only the service may state.
const RESERVED_NAMES: &[&str] = &[
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "te",
    "trailer",
    "trailers",
    "upgrade",
    "http2-settings",
    "proxy-connection",
    "proxy-authorization",
    "proxy-authenticate",
    "expect",
    "content-type",
    "content-encoding",
    "accept-encoding",
    "date",
    "x-event-type",
    "x-event-id",
    "x-timestamp",
    "x-delivery-id",
    "x-real-ip",
    "via",
    "forwarded",
    "metadata",
    "metadata-flavor",
    "x-signature",
    "x-aws-ec2-metadata-token",
];

/// Beginnings of names nobody may set, in lower case.
const RESERVED_PREFIXES: &[&str] =
    &["webhook-", "x-forwarded-", "x-firefly-", "x-callbacks-", "x-google-metadata-", "sec-", ":"];

/// Names a signature header may not have: like [`RESERVED_NAMES`], without the names signatures use.
fn is_signature_name(lower_case: &str) -> bool {
    lower_case == "x-signature"
        || lower_case.ends_with("-signature")
        || lower_case.starts_with("x-firefly-")
        || lower_case.starts_with("x-callbacks-")
}

/// Whether the name is an RFC 9110 token of at most 100 octets.
#[must_use]
pub fn is_header_name(name: &str) -> bool {
    (1..=HEADER_NAME_MAX_OCTETS).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

/// Whether the value is an RFC 9110 field value: visible ASCII, spaces and tabs inside.
#[must_use]
pub fn is_header_value(value: &str) -> bool {
    value.len() <= HEADER_VALUE_MAX_OCTETS
        && value.trim_matches([' ', '\t']).len() == value.len()
        && value.bytes().all(|b| b == b'\t' || (b' '..=b'~').contains(&b))
}

/// Whether the service keeps the name for itself.
#[must_use]
pub fn is_reserved_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    RESERVED_NAMES.contains(&name.as_str())
        || name.ends_with("-signature")
        || RESERVED_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// What is wrong with the name of a signature header, if anything.
#[must_use]
pub fn signature_header_problem(name: &str) -> Option<&'static str> {
    if !is_header_name(name) {
        return Some("Signature header must be a header name (RFC 9110 token)");
    }
    let lower_case = name.to_ascii_lowercase();
    if is_reserved_name(name) && !is_signature_name(&lower_case) {
        return Some("Signature header must not be a name the service or HTTP itself uses");
    }
    None
}

/// What a configuration's custom headers are checked against.
#[derive(Clone, Copy, Debug)]
pub struct CustomHeaderRules<'a> {
    /// Names that carry signatures.
    pub taken: &'a [&'a str],
    /// Whether `Content-Type` may be set.
    pub content_type_is_free: bool,
}

/// Everything that is wrong with a configuration's custom headers.
#[must_use]
pub fn custom_header_problems(
    headers: &BTreeMap<String, String>,
    signature_header: Option<&str>,
) -> Vec<FieldError> {
    CustomHeaderRules { taken: signature_header.as_slice(), content_type_is_free: false }.problems(headers)
}

impl CustomHeaderRules<'_> {
    /// Everything that is wrong with the headers.
    #[must_use]
    pub fn problems(&self, headers: &BTreeMap<String, String>) -> Vec<FieldError> {
        let mut problems = Vec::new();
        let octets: usize = headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        if headers.len() > CUSTOM_HEADERS_MAX || octets > CUSTOM_HEADERS_MAX_OCTETS {
            let message = "Custom headers must not exceed 64 headers or 16384 bytes in total";
            problems.push(FieldError::new("customHeaders", "Size", message));
            return problems;
        }
        let mut seen: Vec<String> = Vec::with_capacity(headers.len());
        for (name, value) in headers {
            let field = format!("customHeaders.{name}");
            let lower_case = name.to_ascii_lowercase();
            if self.is_taken(&lower_case) {
                let message = format!("Header {name} is set by the service and cannot be overridden");
                problems.push(FieldError::new(field, "Reserved", message));
            } else if let Some(message) = custom_header_problem(name, value) {
                problems.push(FieldError::new(field, "Pattern", message));
            } else if seen.contains(&lower_case) {
                let message = format!("Header {name} is given twice; upper and lower case are equal");
                problems.push(FieldError::new(field, "Duplicate", message));
            }
            seen.push(lower_case);
        }
        problems
    }

    fn is_taken(&self, lower_case: &str) -> bool {
        let is_the_signature = self.taken.iter().any(|taken| taken.eq_ignore_ascii_case(lower_case));
        let is_free = self.content_type_is_free && lower_case == "content-type";
        is_the_signature || (!is_free && is_header_name(lower_case) && is_reserved_name(lower_case))
    }
}

fn custom_header_problem(name: &str, value: &str) -> Option<String> {
    if !is_header_name(name) {
        return Some(
            "Header name must be an RFC 9110 token of at most 100 characters: letters, digits \
             and !#$%&'*+-.^_`|~"
                .to_owned(),
        );
    }
    if !is_header_value(value) {
        return Some(format!(
            "Value of header {name} must be visible ASCII (spaces and tabs only inside), at most \
             8192 bytes"
        ));
    }
    let unknown = templates_of(value).find(|template| !HEADER_TEMPLATES.contains(template))?;
    Some(format!(
        "Value of header {name} uses the unknown template {{{{{unknown}}}}}; known are {}",
        HEADER_TEMPLATES.join(", ")
    ))
}

/// The names between `{{` and `}}` in a value.
pub fn templates_of(value: &str) -> impl Iterator<Item = &str> {
    value.split("{{").skip(1).filter_map(|rest| rest.split_once("}}").map(|(name, _)| name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(name: &str, value: &str) -> Option<String> {
        let headers = BTreeMap::from([(name.to_owned(), value.to_owned())]);
        custom_header_problems(&headers, Some("X-My-Sig")).pop().map(|problem| problem.code)
    }

    #[test]
    fn hostile_headers_are_refused() {
        for (name, value) in [
            ("X-A", "v\r\nX-Injected: 1"),
            ("X-A", "v\nX"),
            ("X-A", "v\u{7f}x"),
            ("X-A", "v\u{2028}x"),
            ("X-A", "é"),
            ("X-A", " padded "),
            ("", "1"),
            ("X-É", "1"),
            ("X A", "1"),
            (":authority", "evil"),
            ("X-A", "{{secret}}"),
        ] {
            assert_eq!(problem(name, value).as_deref(), Some("Pattern"), "{name:?} {value:?}");
        }
        assert_eq!(problem("X-A", &"a".repeat(8193)).as_deref(), Some("Pattern"));
    }

    #[test]
    fn reserved_names_are_refused_in_any_case() {
        for name in [
            "Host",
            "content-LENGTH",
            "Transfer-Encoding",
            "Connection",
            "Keep-Alive",
            "TE",
            "Content-Type",
            "Content-Encoding",
            "Accept-Encoding",
            "webhook-id",
            "WEBHOOK-SIGNATURE",
            "X-Event-Id",
            "X-Timestamp",
            "X-Forwarded-For",
            "X-Real-IP",
            "Metadata",
            "Metadata-Flavor",
            "X-Firefly-Signature",
            "Dealix-Signature",
            "x-my-sig",
        ] {
            assert_eq!(problem(name, "x").as_deref(), Some("Reserved"), "{name}");
        }
    }

    #[test]
    fn ordinary_headers_pass() {
        for (name, value) in [
            ("X-Api-Key", "s3cr3t"),
            ("Authorization", "Bearer abc"),
            ("User-Agent", "mine/1.0"),
            ("X-Trace", "{{eventId}}/{{attempt}}"),
            ("X-Empty", ""),
        ] {
            assert_eq!(problem(name, value), None, "{name}");
        }
    }

    #[test]
    fn too_many_and_twice_are_refused() {
        let many: BTreeMap<String, String> = (0..65).map(|n| (format!("X-{n}"), String::new())).collect();
        assert_eq!(custom_header_problems(&many, None)[0].code, "Size");
        let twice = BTreeMap::from([("X-A".to_owned(), String::new()), ("x-a".to_owned(), String::new())]);
        assert_eq!(custom_header_problems(&twice, None)[0].code, "Duplicate");
    }

    #[test]
    fn a_signature_header_may_have_a_signatures_name() {
        for name in ["X-Signature", "X-Firefly-Signature", "Stripe-Signature", "X-Custom-Sig"] {
            assert_eq!(signature_header_problem(name), None, "{name}");
        }
        for name in ["Host", "X-Sig\r\nX: y", "", "X-Event-Id", "content-type"] {
            assert!(signature_header_problem(name).is_some(), "{name:?}");
        }
    }
}
