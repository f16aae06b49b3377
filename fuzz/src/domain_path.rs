//! A path that is permitted is under the prefix that permits it, however it is written.

use callbacks_core::gates::domain_authorization::allow_list_permits;
use callbacks_interfaces::callback_url::CallbackUrl;
use callbacks_interfaces::domain_pattern::DomainPattern;

/// The first line is a domain pattern, the second a URL.
pub fn survives(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (pattern, url) = text.split_once('\n').unwrap_or(("example.com", text));
    let Ok(url) = CallbackUrl::try_from(url) else { return };
    let host = url.url().host_str().unwrap_or_default().trim_end_matches('.').to_owned();
    if let Ok(pattern) = DomainPattern::try_from(pattern)
        && pattern.matches(&url)
    {
        let named = pattern.host().trim_end_matches('.');
        if pattern.is_wildcard() {
            let suffix = named.trim_start_matches("*.");
            assert!(host.len() > suffix.len() && host.ends_with(suffix), "{named} does not cover {host}");
        } else {
            let bare = |text: &str| text.trim_matches(['[', ']']).to_ascii_lowercase();
            assert_eq!(bare(named), bare(&host));
        }
    }
    let _ = allow_list_permits(&url, &[pattern.to_owned()]);
}
