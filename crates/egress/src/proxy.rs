//! The proxies an operator put between the service and the internet, and which endpoints are called without them.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

use callbacks_core::routing::endpoint_identity::basic;
use http::HeaderValue;
use ipnet::IpNet;
use percent_encoding::percent_decode_str;
use url::Url;

use crate::guarded_connector::Host;

/// One HTTP proxy that is asked for tunnels (`CONNECT`, RFC 9110 section 9.3.6).
pub struct Proxy {
    pub(crate) host: Host,
    pub(crate) port: u16,
    /// What `Proxy-Authorization` says, where the proxy wants a name and a password.
    pub(crate) authorization: Option<HeaderValue>,
}

/// Why a text is not a proxy. It never quotes the text, which may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProxyError {
    /// Not a URL with a host.
    #[error("the proxy is no URL; write http://host:port, or http://name:password@host:port")]
    NoUrl,
    /// Not `http`.
    #[error(
        "the proxy's URL must begin with http://; TLS runs through the proxy to the endpoint, and https:// and socks:// proxies are not spoken to"
    )]
    Scheme,
    /// A path, a query or a fragment, which mean nothing here.
    #[error("the proxy's URL must end after the port")]
    Path,
    /// A name or password that cannot be sent.
    #[error(
        "the proxy's name and password must be UTF-8, percent-encoded where they hold : / @ or %, and the name holds no colon"
    )]
    Credentials,
}

impl FromStr for Proxy {
    type Err = ProxyError;

    /// Reads a URL; `host:port` alone will do, as in the environment variables of other programs.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let full = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let url = Url::parse(&full).map_err(|_| ProxyError::NoUrl)?;
        if url.scheme() != "http" {
            return Err(ProxyError::Scheme);
        }
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return Err(ProxyError::Path);
        }
        let host = Host::from(url.host().ok_or(ProxyError::NoUrl)?);
        let port = url.port_or_known_default().ok_or(ProxyError::NoUrl)?;
        Ok(Self { host, port, authorization: authorization(&url)? })
    }
}

fn authorization(url: &Url) -> Result<Option<HeaderValue>, ProxyError> {
    if url.username().is_empty() && url.password().is_none() {
        return Ok(None);
    }
    let decoded = |text| percent_decode_str(text).decode_utf8().map_err(|_| ProxyError::Credentials);
    let (name, password) = (decoded(url.username())?, decoded(url.password().unwrap_or_default())?);
    if name.contains(':') {
        return Err(ProxyError::Credentials);
    }
    basic(&name, &password).map(Some).map_err(|_| ProxyError::Credentials)
}

/// Where it is, for operators; never with its password.
impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Literal(IpAddr::V6(address)) => write!(f, "[{address}]:{}", self.port),
            host => write!(f, "{}:{}", host.text(), self.port),
        }
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({self})")
    }
}

/// Which proxy an endpoint is called through. The default is none: endpoints are called directly.
#[derive(Debug, Clone, Default)]
pub struct Proxies {
    /// For endpoints whose URL is `https`.
    pub https: Option<Arc<Proxy>>,
    /// For endpoints whose URL is `http`.
    pub http: Option<Arc<Proxy>>,
    /// Endpoints that are called directly all the same.
    pub direct: Vec<Direct>,
}

impl Proxies {
    /// The proxy for a scheme and host, if there is one.
    pub(crate) fn of(&self, scheme: &str, host: &Host) -> Option<Arc<Proxy>> {
        let proxy = if scheme == "https" { &self.https } else { &self.http };
        proxy.clone().filter(|_| !self.direct.iter().any(|direct| direct.covers(host)))
    }
}

/// Hosts that need no proxy, as one entry of `NO_PROXY` names them. The host counts as the URL has it: a name is compared as a
/// name, before it is looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Direct {
    /// `*`: everything.
    All,
    /// Addresses that stand in URLs themselves.
    Network(IpNet),
    /// A name and all names below it, in lower case.
    Domain(String),
}

/// The text names no hosts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is neither a host name (with or without a leading dot), an address, a network such as 10.0.0.0/8, nor *"
)]
pub struct NoHosts(String);

impl FromStr for Direct {
    type Err = NoHosts;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if text == "*" {
            return Ok(Self::All);
        }
        if let Ok(network) = text.parse::<IpNet>() {
            return Ok(Self::Network(network));
        }
        if let Ok(address) = text.trim_matches(['[', ']']).parse::<IpAddr>() {
            return Ok(Self::Network(address.into()));
        }
        let name = text.strip_prefix('*').unwrap_or(text);
        let name = name.strip_prefix('.').unwrap_or(name).trim_end_matches('.').to_ascii_lowercase();
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        if name.is_empty() || !name.bytes().all(is_name) {
            return Err(NoHosts(text.to_owned()));
        }
        Ok(Self::Domain(name))
    }
}

impl Direct {
    fn covers(&self, host: &Host) -> bool {
        match (self, host) {
            (Self::All, _) => true,
            (Self::Network(network), Host::Literal(address)) => network.contains(&address.to_canonical()),
            (Self::Domain(domain), Host::Name(name)) => {
                let name = name.trim_end_matches('.');
                name.strip_suffix(domain.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(text: &str) -> Proxy {
        text.parse().expect("a proxy")
    }

    #[test]
    fn proxies_are_read_and_shown_without_their_password() {
        for (text, shown) in [
            ("http://proxy.internal:3128", "proxy.internal:3128"),
            ("http://proxy.internal/", "proxy.internal:80"),
            ("proxy.internal:3128", "proxy.internal:3128"),
            ("10.0.0.1:8080", "10.0.0.1:8080"),
            ("http://[fd00::1]:3128", "[fd00::1]:3128"),
            ("http://user:s%40cret@proxy.internal:3128", "proxy.internal:3128"),
        ] {
            let read = proxy(text);
            assert_eq!(read.to_string(), shown);
            assert_eq!(format!("{read:?}"), format!("Proxy({shown})"));
        }
    }

    #[test]
    fn credentials_are_decoded_and_marked_as_secret() {
        let header = proxy("http://Aladdin:open%3Asesame@h:1").authorization.expect("credentials");
        assert_eq!(header, "Basic QWxhZGRpbjpvcGVuOnNlc2FtZQ==");
        assert!(header.is_sensitive());
        assert!(proxy("http://h:1").authorization.is_none());
        assert_eq!(proxy("http://name@h:1").authorization.expect("a name"), "Basic bmFtZTo=");
    }

    #[test]
    fn what_is_no_proxy_is_refused_without_being_quoted() {
        for (text, error) in [
            ("", ProxyError::NoUrl),
            ("http://", ProxyError::NoUrl),
            ("http://canary:canary@", ProxyError::NoUrl),
            ("http://h:99999", ProxyError::NoUrl),
            ("https://canary:canary@h:1", ProxyError::Scheme),
            ("socks5://h:1080", ProxyError::Scheme),
            ("http://h:1/canary", ProxyError::Path),
            ("http://h:1?canary", ProxyError::Path),
            ("http://can%3Aary:x@h:1", ProxyError::Credentials),
            ("http://canary:%ff@h:1", ProxyError::Credentials),
        ] {
            let refused = text.parse::<Proxy>().expect_err(text);
            assert_eq!(refused, error, "{text}");
            assert!(!refused.to_string().contains("canary"));
        }
    }

    #[test]
    fn some_hosts_are_called_directly() {
        let direct = ["internal", ".svc.example", "*.corp.example", "10.0.0.0/8", "192.0.2.7", "[fd00::1]"]
            .iter()
            .map(|text| text.parse().expect("hosts"))
            .collect();
        let proxies = Proxies { https: Some(Arc::new(proxy("http://h:1"))), http: None, direct };
        let name = |text: &str| Host::Name(text.to_owned());
        let address = |text: &str| Host::Literal(text.parse().expect("an address"));
        for host in [name("internal"), name("a.internal."), name("svc.example"), name("x.corp.example")] {
            assert!(proxies.of("https", &host).is_none(), "{host:?}");
        }
        for text in ["10.1.2.3", "::ffff:10.1.2.3", "192.0.2.7", "fd00::1"] {
            assert!(proxies.of("https", &address(text)).is_none(), "{text}");
        }
        for host in [name("notinternal"), name("internal.example"), address("192.0.2.8"), address("fd00::2")]
        {
            assert!(proxies.of("https", &host).is_some(), "{host:?}");
            assert!(proxies.of("http", &host).is_none(), "{host:?}");
        }
        let all = Proxies { direct: vec![Direct::All], ..proxies };
        assert!(all.of("https", &name("hooks.example.com")).is_none());
        for text in ["", ".", "a b", "host:8080", "http://h"] {
            assert!(text.parse::<Direct>().is_err(), "{text}");
        }
    }
}
