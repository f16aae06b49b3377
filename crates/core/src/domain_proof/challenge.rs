//! The token, where it must be found, and whether it was. Pure.

use callbacks_interfaces::callback_url::CallbackUrl;
use callbacks_interfaces::domain_pattern::DomainPattern;

/// What stands before the domain in the name of the TXT record.
const TXT_LABEL: &str = "_callbacks-challenge";
/// Where the document is, before the token.
const WELL_KNOWN: &str = "/.well-known/callbacks-challenge/";

/// The domain cannot be proven in this way; the text says how it can.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unprovable(pub String);

/// The name whose TXT records must hold the token.
///
/// # Errors
/// When the domain is an address, which has no such name.
pub fn txt_name(domain: &DomainPattern) -> Result<String, Unprovable> {
    let host = domain.host();
    if host.parse::<std::net::IpAddr>().is_ok() || host.starts_with('[') {
        return Err(Unprovable(format!("{domain} is an address and has no DNS records; prove it by HTTP")));
    }
    Ok(format!("{TXT_LABEL}.{host}"))
}

/// Whether one of the records is the token and nothing else.
#[must_use]
pub fn is_in_txt(records: &[String], token: &str) -> bool {
    records.iter().any(|record| record.trim() == token)
}

/// The document that must be the token: over https, unless the domain allows plain http.
///
/// # Errors
/// When the domain stands for more than one host, which one host's document cannot prove.
pub fn document(domain: &DomainPattern, https: bool, token: &str) -> Result<CallbackUrl, Unprovable> {
    if domain.is_wildcard() {
        return Err(Unprovable(format!("{domain} stands for many hosts; prove it by DNS_TXT")));
    }
    let scheme = if https { "https" } else { "http" };
    let text = format!("{scheme}://{domain}{WELL_KNOWN}{token}");
    CallbackUrl::try_from(text.as_str()).map_err(|error| Unprovable(format!("{text} is no URL: {error}")))
}

/// Whether an answer is that document: a 200 whose body is the token and nothing else. Anything else, a page that repeats
/// the path for instance, is not.
#[must_use]
pub fn is_document(status: u16, body: &[u8], token: &str) -> bool {
    status == 200 && body.trim_ascii() == token.as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> DomainPattern {
        DomainPattern::try_from(text).expect("a domain")
    }

    #[test]
    fn the_record_is_looked_for_under_the_host() {
        assert_eq!(
            txt_name(&pattern("Hooks.Example.com:8443")).as_deref(),
            Ok("_callbacks-challenge.hooks.example.com")
        );
        assert_eq!(txt_name(&pattern("*.example.com")).as_deref(), Ok("_callbacks-challenge.example.com"));
        for address in ["192.0.2.7", "[2001:db8::1]:8443"] {
            assert!(txt_name(&pattern(address)).is_err(), "{address}");
        }
        assert!(is_in_txt(&["other".to_owned(), " token ".to_owned()], "token"));
        assert!(!is_in_txt(&["token2".to_owned(), "a token".to_owned(), String::new()], "token"));
        assert!(!is_in_txt(&[], "token"));
    }

    #[test]
    fn the_document_stands_for_one_host_alone() {
        let url = |domain, https| document(&pattern(domain), https, "t").map(|url| url.as_str().to_owned());
        let path = "/.well-known/callbacks-challenge/t";
        assert_eq!(url("example.com", true), Ok(format!("https://example.com{path}")));
        assert_eq!(url("example.com:8080", false), Ok(format!("http://example.com:8080{path}")));
        assert!(url("*.example.com", true).is_err_and(|error| error.0.contains("DNS_TXT")));
    }

    #[test]
    fn only_the_token_alone_is_the_document() {
        assert!(is_document(200, b"token\r\n", "token"));
        for (status, body) in
            [(200, "token2"), (200, "not found: /x/token"), (404, "token"), (302, "token"), (200, "")]
        {
            assert!(!is_document(status, body.as_bytes(), "token"), "{status} {body}");
        }
    }
}
