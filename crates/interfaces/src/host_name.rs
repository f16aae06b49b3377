//! Host names: the rules a URL parser does not enforce.

use url::Host;

/// Longest host name without its trailing dot (RFC 1035), in octets.
const HOST_MAX_OCTETS: usize = 253;
/// Longest label (RFC 1035), in octets.
const LABEL_MAX_OCTETS: usize = 63;

/// Whether a parsed host could be resolved at all. The parser has already lower-cased it and turned
/// international labels into ASCII (UTS 46); lengths and the exotic characters it lets pass are
/// checked here.
pub(crate) fn is_dialable(host: &Host<&str>) -> bool {
    let Host::Domain(name) = host else {
        return true;
    };
    let name = without_trailing_dot(name);
    !name.is_empty() && name.len() <= HOST_MAX_OCTETS && name.split('.').all(is_label)
}

fn is_label(label: &str) -> bool {
    (1..=LABEL_MAX_OCTETS).contains(&label.len())
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// `example.com.` and `example.com` name the same host.
pub(crate) fn without_trailing_dot(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}

/// Characters that never belong in a host or URL as a person writes it, and that parsers silently
/// drop, decode or treat as something else.
pub(crate) fn has_unwritable_char(text: &str) -> bool {
    text.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\\')
}
