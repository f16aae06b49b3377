//! The URL a callback is sent to.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use url::{Host, Url};

use crate::host_name::{has_unwritable_char, is_dialable};

/// Longest URL, in characters (the contract's `url`).
pub const CALLBACK_URL_MAX_CHARS: usize = 2048;

/// A URL that may be stored and dialled: `http` or `https`, a host, no credentials, no fragment, no
/// port that belongs to another protocol. Its text is the parser's canonical form, and that text is
/// what is stored, authorized and dialled, so that no two parsers can disagree about it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(value_type = String, format = Uri, max_length = 2048))]
pub struct CallbackUrl(Url);

/// The text is no URL callbacks may be sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallbackUrlError {
    /// More than 2048 characters, as written or in canonical form.
    #[error("URL must not exceed 2048 characters")]
    TooLong,
    /// Line breaks, tabs, spaces or backslashes, which parsers drop or reinterpret.
    #[error("URL must not contain white space, control characters or backslashes")]
    UnwritableCharacter,
    /// Another scheme, or none.
    #[error("URL must start with http:// or https://")]
    Scheme,
    /// No host where one belongs.
    #[error("URL must name a host")]
    NoHost,
    /// Credentials in the URL would end up in logs.
    #[error("URL must not contain credentials; use a custom header")]
    Credentials,
    /// A fragment is never sent.
    #[error("URL must not contain a fragment (#)")]
    Fragment,
    /// Port 0, or one that the Fetch standard blocks because it belongs to another protocol.
    #[error("URL must not use port {0}, which belongs to another protocol")]
    Port(u16),
    /// Servers disagree whether `//` counts as one slash, and so where a dot segment after it leads.
    #[error("URL must not contain an empty path segment before '.' or '..'")]
    AmbiguousPath,
    /// The host cannot exist.
    #[error("URL has a host name that is not valid")]
    Host,
    /// Anything else the parser refuses.
    #[error("URL is not valid: {0}")]
    Malformed(url::ParseError),
}

impl CallbackUrl {
    /// The parsed URL.
    #[must_use]
    pub const fn url(&self) -> &Url {
        &self.0
    }

    /// The canonical text: what is stored and dialled.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Scheme, host and, unless it is the scheme's default, port: `https://example.com:8443`.
    #[must_use]
    pub fn origin(&self) -> String {
        self.0.origin().ascii_serialization()
    }

    /// The host: a name, or an address literal.
    #[must_use]
    pub fn host(&self) -> Option<Host<&str>> {
        self.0.host()
    }

    /// The port that is dialled: the one written, or the scheme's default.
    #[must_use]
    pub fn port(&self) -> u16 {
        let default = if self.is_https() { 443 } else { 80 };
        self.0.port().unwrap_or(default)
    }

    /// Whether the scheme is `https`.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.0.scheme() == "https"
    }
}

impl TryFrom<&str> for CallbackUrl {
    type Error = CallbackUrlError;

    fn try_from(text: &str) -> Result<Self, Self::Error> {
        check_written(text)?;
        let url = Url::parse(text).map_err(CallbackUrlError::Malformed)?;
        check_parsed(&url)?;
        Ok(Self(url))
    }
}

impl TryFrom<String> for CallbackUrl {
    type Error = CallbackUrlError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::try_from(text.as_str())
    }
}

/// What must be seen in the raw text, because parsing hides it: the parser strips line breaks and
/// tabs, turns backslashes into slashes, drops empty credentials and promotes a path to a host.
fn check_written(text: &str) -> Result<(), CallbackUrlError> {
    if text.chars().count() > CALLBACK_URL_MAX_CHARS {
        return Err(CallbackUrlError::TooLong);
    }
    if has_unwritable_char(text) {
        return Err(CallbackUrlError::UnwritableCharacter);
    }
    let (scheme, rest) = text.split_once("://").ok_or(CallbackUrlError::Scheme)?;
    if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
        return Err(CallbackUrlError::Scheme);
    }
    if rest.contains('#') {
        return Err(CallbackUrlError::Fragment);
    }
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    if authority.contains('@') {
        return Err(CallbackUrlError::Credentials);
    }
    if authority.is_empty() || authority.starts_with(':') {
        return Err(CallbackUrlError::NoHost);
    }
    if has_ambiguous_dots(rest.strip_prefix(authority).unwrap_or_default()) {
        return Err(CallbackUrlError::AmbiguousPath);
    }
    Ok(())
}

/// `/a//../b` is `/a/b` to the parser and `/b` to a server that first makes one slash of two.
fn has_ambiguous_dots(path_and_query: &str) -> bool {
    let path = path_and_query.split('?').next().unwrap_or_default();
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    segments.array_windows().any(|[before, next]| {
        let next = next.to_ascii_lowercase().replace("%2e", ".");
        before.is_empty() && matches!(next.as_str(), "." | "..")
    })
}

fn check_parsed(url: &Url) -> Result<(), CallbackUrlError> {
    if url.as_str().len() > CALLBACK_URL_MAX_CHARS {
        return Err(CallbackUrlError::TooLong);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(CallbackUrlError::Credentials);
    }
    let host = url.host().ok_or(CallbackUrlError::NoHost)?;
    if !is_dialable(&host) {
        return Err(CallbackUrlError::Host);
    }
    match url.port() {
        Some(port) if BLOCKED_PORTS.contains(&port) => Err(CallbackUrlError::Port(port)),
        _ => Ok(()),
    }
}

/// The Fetch standard's "bad ports": services an HTTP request could be made to talk to.
const BLOCKED_PORTS: &[u16] = &[
    0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103,
    104, 109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514,
    515, 526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723,
    2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
];

impl fmt::Display for CallbackUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for CallbackUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for CallbackUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::try_from(text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_no_callback_url_is_refused() {
        for text in [
            "",
            "hooks.example.com/x",
            "//hooks.example.com/x",
            "file:///etc/passwd",
            "ftp://hooks.example.com/",
            "http+unix://%2fvar%2frun%2fdocker.sock/containers/json",
            "jar:http://127.0.0.1!/",
            "https:///path",
            "https://:443/",
            "http://[fe80::1%eth0]/",
            "http://[127.0.0.1]/",
            "http://::1/",
            "http://256.256.256.256/",
            "http://4294967296/",
            "http://0o177.0.0.1/",
            "http://hooks.example.com:0/",
            "http://hooks.example.com:-1/",
            "http://hooks.example.com:65536/",
            "http://hooks.example.com:25/",
            "http://hooks.example.com:22/",
            "https://xn--example-.org/",
            "https://example.org.xn--/",
            "https://user:secret@hooks.example.com/",
            "https://@hooks.example.com/",
            "https://hooks.example.com/#frag",
            "https://hooks.example.com/a\r\nX-Injected: 1",
            "https://hooks.example.com/a\tb",
            "https://api.example.com\\@evil.com/",
            "https://api.example.com /hook",
            "https://a..example.com/",
            "https://-a.example.com/",
            "https://hooks.example.com/a//../b",
            "https://hooks.example.com/a//%2E./b",
        ] {
            assert!(CallbackUrl::try_from(text).is_err(), "{text:?}");
        }
        assert!(CallbackUrl::try_from(format!("https://{}.com/", "a".repeat(64))).is_err());
        assert!(CallbackUrl::try_from(format!("https://a.com/{}", "a".repeat(2048))).is_err());
    }

    #[test]
    fn the_canonical_text_is_kept() {
        for (written, canonical, origin) in [
            ("http://hooks.example.com:00080/", "http://hooks.example.com/", "http://hooks.example.com"),
            ("HTTPS://API.Example.COM", "https://api.example.com/", "https://api.example.com"),
            (
                "https://bücher.example/a/../b?x=1",
                "https://xn--bcher-kva.example/b?x=1",
                "https://xn--bcher-kva.example",
            ),
            ("http://0x7f.1:8080/", "http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
            ("https://[::1]:8443/x", "https://[::1]:8443/x", "https://[::1]:8443"),
        ] {
            let url = CallbackUrl::try_from(written).expect(written);
            assert_eq!(url.as_str(), canonical);
            assert_eq!(url.origin(), origin);
        }
    }

    proptest! {
        #[test]
        fn canonical_text_is_its_own_canonical_text(text in "https?://[a-z0-9.:/@?#%-]{1,40}") {
            if let Ok(url) = CallbackUrl::try_from(text.as_str()) {
                let again = CallbackUrl::try_from(url.as_str());
                prop_assert_eq!(again, Ok(url));
            }
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in "\\PC{0,80}") {
            let _ = CallbackUrl::try_from(text.as_str());
        }
    }
}
