//! Which hosts an authorized domain stands for.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use url::Host;

use crate::callback_url::CallbackUrl;
use crate::host_name::{has_unwritable_char, is_dialable, without_trailing_dot};

/// Longest domain, in characters (the contract's `domain`).
pub const DOMAIN_MAX_CHARS: usize = 255;

/// `host`, `host:port`, or either with a leading `*.` for every subdomain (not the domain itself).
/// Hosts are compared in canonical form: ASCII (UTS 46), lower case, without a trailing dot, address
/// literals in their shortest text. Without a port the two default ones, 80 and 443, are meant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DomainPattern {
    text: String,
    /// Length of the host in `text`, counted after a leading `*.`.
    host_len: usize,
    port: Option<u16>,
}

/// The text is no domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DomainPatternError {
    /// Empty, or more than 255 characters.
    #[error("Domain must be between 1 and 255 characters")]
    Size,
    /// A scheme, path, credentials or white space.
    #[error("Domain must be a host, host:port or *.suffix, without scheme, path or credentials")]
    NotAHost,
    /// The host cannot exist.
    #[error("Domain is not a valid host name or address")]
    Host,
    /// No port number.
    #[error("Domain has a port that is not a number from 1 to 65535")]
    Port,
    /// `*` elsewhere than as the whole first label, or before an address.
    #[error("Domain may have * only as its first label, before a host name: *.example.com")]
    Wildcard,
}

impl DomainPattern {
    /// Whether callbacks to `url` go to a host and port this stands for.
    #[must_use]
    pub fn matches(&self, url: &CallbackUrl) -> bool {
        let port_matches = match self.port {
            Some(port) => url.port() == port,
            None => matches!(url.port(), 80 | 443),
        };
        port_matches && self.matches_host(url)
    }

    /// Whether `url` names a host this stands for, whatever the port.
    #[must_use]
    pub fn matches_host(&self, url: &CallbackUrl) -> bool {
        // For an IPv6 literal this is the bracketed text, as in the pattern.
        let Some(host) = url.url().host_str().map(without_trailing_dot) else {
            return false;
        };
        if !self.is_wildcard() {
            return host == self.host();
        }
        host.strip_suffix(self.host())
            .and_then(|prefix| prefix.strip_suffix('.'))
            .is_some_and(|subdomain| !subdomain.is_empty())
    }

    /// The canonical text: `*.example.com:8443`, `[::1]`, `api.example.com`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The host, without `*.` and port.
    #[must_use]
    pub fn host(&self) -> &str {
        let start = if self.is_wildcard() { 2 } else { 0 };
        self.text.get(start..start + self.host_len).unwrap_or_default()
    }

    /// The port, when one is named.
    #[must_use]
    pub const fn port(&self) -> Option<u16> {
        self.port
    }

    /// Whether it stands for every subdomain.
    #[must_use]
    pub fn is_wildcard(&self) -> bool {
        self.text.starts_with("*.")
    }

    fn assemble(wildcard: &str, host: &str, port: Option<u16>) -> Self {
        let mut text = format!("{wildcard}{host}");
        if let Some(port) = port {
            text.push_str(&format!(":{port}"));
        }
        Self { text, host_len: host.len(), port }
    }
}

impl TryFrom<&str> for DomainPattern {
    type Error = DomainPatternError;

    fn try_from(text: &str) -> Result<Self, Self::Error> {
        if text.is_empty() || text.chars().count() > DOMAIN_MAX_CHARS {
            return Err(DomainPatternError::Size);
        }
        if has_unwritable_char(text) || text.contains(['/', '@', '?', '#', '%']) {
            return Err(DomainPatternError::NotAHost);
        }
        if let Ok(address) = text.parse::<Ipv6Addr>() {
            return Ok(Self::assemble("", &format!("[{address}]"), None));
        }
        let (host, port) = split_port(text)?;
        let (wildcard, host) = match host.strip_prefix("*.") {
            Some(suffix) => ("*.", suffix),
            None => ("", host),
        };
        if host.contains('*') {
            return Err(DomainPatternError::Wildcard);
        }
        let parsed = Host::parse(host).map_err(|_| DomainPatternError::Host)?;
        let host = canonical(&parsed)?;
        if !wildcard.is_empty() && !matches!(parsed, Host::Domain(_)) {
            return Err(DomainPatternError::Wildcard);
        }
        Ok(Self::assemble(wildcard, &host, port))
    }
}

impl TryFrom<String> for DomainPattern {
    type Error = DomainPatternError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::try_from(text.as_str())
    }
}

fn split_port(text: &str) -> Result<(&str, Option<u16>), DomainPatternError> {
    let (host, port) = if text.starts_with('[') {
        let end = text.find(']').ok_or(DomainPatternError::Host)? + 1;
        let (host, rest) = text.split_at(end);
        match rest.strip_prefix(':') {
            Some(port) => (host, Some(port)),
            None if rest.is_empty() => (host, None),
            None => return Err(DomainPatternError::Host),
        }
    } else {
        match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        }
    };
    let port = port.map(parse_port).transpose()?;
    Ok((host, port))
}

fn parse_port(digits: &str) -> Result<u16, DomainPatternError> {
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(DomainPatternError::Port);
    }
    match digits.parse() {
        Ok(0) | Err(_) => Err(DomainPatternError::Port),
        Ok(port) => Ok(port),
    }
}

fn canonical(host: &Host<String>) -> Result<String, DomainPatternError> {
    match host {
        Host::Domain(name) => {
            if !is_dialable(&Host::Domain(name.as_str())) {
                return Err(DomainPatternError::Host);
            }
            Ok(without_trailing_dot(name).to_owned())
        }
        Host::Ipv4(address) => Ok(IpAddr::V4(*address).to_string()),
        Host::Ipv6(address) => Ok(format!("[{address}]")),
    }
}

impl fmt::Display for DomainPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for DomainPattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for DomainPattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::try_from(text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pattern(text: &str) -> DomainPattern {
        DomainPattern::try_from(text).expect(text)
    }

    fn url(text: &str) -> CallbackUrl {
        CallbackUrl::try_from(text).expect(text)
    }

    #[test]
    fn texts_become_canonical() {
        for (written, canonical) in [
            ("API.Example.COM", "api.example.com"),
            ("api.example.com.", "api.example.com"),
            ("bücher.example", "xn--bcher-kva.example"),
            ("localhost:8080", "localhost:8080"),
            ("*.Example.com:8443", "*.example.com:8443"),
            ("::1", "[::1]"),
            ("[0:0::1]:8443", "[::1]:8443"),
            ("10.0.0.1", "10.0.0.1"),
        ] {
            assert_eq!(pattern(written).as_str(), canonical);
        }
    }

    #[test]
    fn what_is_no_domain_is_refused() {
        for text in [
            "",
            "https://example.com",
            "example.com/x",
            "a@b.com",
            "a b",
            "example.com:",
            "a:0",
            "a:65536",
            "a:+1",
            "*",
            "*.",
            "a.*.com",
            "*a.com",
            "*.10.0.0.1",
            "*.[::1]",
            "[::1",
            "[::1]x",
            "a..b",
            "256.256.256.256",
            "%31.com",
            "a\u{0}b",
        ] {
            assert!(DomainPattern::try_from(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_port_is_part_of_the_identity() {
        let plain = pattern("localhost");
        assert!(plain.matches(&url("http://localhost:80/x")));
        assert!(plain.matches(&url("https://localhost:80/x")));
        assert!(!plain.matches(&url("http://localhost:8080/x")));
        assert!(plain.matches_host(&url("http://localhost:8080/x")));
        assert!(pattern("localhost:80").matches(&url("https://localhost:80/x")));
        assert!(!pattern("localhost:8080").matches(&url("http://localhost/x")));
    }

    #[test]
    fn a_wildcard_is_subdomains_only() {
        let wildcard = pattern("*.example.com");
        assert_eq!(wildcard.host(), "example.com");
        assert!(wildcard.matches(&url("https://sub.example.com/x")));
        assert!(wildcard.matches(&url("https://a.b.example.com./x")));
        assert!(!wildcard.matches(&url("https://example.com/x")));
        assert!(!wildcard.matches(&url("https://evilexample.com/x")));
        assert!(!wildcard.matches(&url("https://sub.example.com.evil.com/x")));
    }

    proptest! {
        #[test]
        fn canonical_text_is_its_own_canonical_text(text in "[*]?[.]?[a-z0-9.:-]{1,30}") {
            if let Ok(pattern) = DomainPattern::try_from(text.as_str()) {
                let again = DomainPattern::try_from(pattern.as_str());
                prop_assert_eq!(again, Ok(pattern));
            }
        }
    }
}
