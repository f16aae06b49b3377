//! A URL that is accepted is canonical, and a literal in it that is permitted is no address of ours.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use callbacks_core::gates::address_policy::{AddressPolicy, How};
use callbacks_interfaces::callback_url::CallbackUrl;
use url::Host;

pub fn survives(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(url) = CallbackUrl::try_from(text) else { return };
    let canonical = url.as_str();
    let again = CallbackUrl::try_from(canonical).expect("what is accepted is accepted in its canonical form");
    assert_eq!(again.as_str(), canonical, "the canonical form of a canonical form is itself");
    assert!(!canonical.chars().any(|c| c.is_control() || c == '\\' || c == ' '), "{canonical}");
    assert!(url.url().username().is_empty() && url.url().fragment().is_none(), "{canonical}");
    let uri: http::Uri = canonical.parse().expect("what is accepted can be dialled");
    assert_eq!(uri.host(), url.url().host_str(), "both parsers see the same host");
    let address = match url.host() {
        Some(Host::Ipv4(address)) => IpAddr::V4(address),
        Some(Host::Ipv6(address)) => IpAddr::V6(address),
        _ => return,
    };
    if AddressPolicy::default().verdict(address, How::Literal).is_ok() {
        assert!(!is_ours(address), "{address} was permitted");
    }
}

/// A few networks nobody outside may reach, written down once more and independently.
fn is_ours(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_ours_v4(v4),
        IpAddr::V6(v6) => is_ours_v6(v6),
    }
}

fn is_ours_v4(v4: Ipv4Addr) -> bool {
    let [a, b, ..] = v4.octets();
    v4.is_private()
        || v4.is_loopback()
        || v4.is_link_local()
        || v4.is_multicast()
        || v4.is_documentation()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || v4 == Ipv4Addr::new(168, 63, 129, 16)
}

fn is_ours_v6(v6: Ipv6Addr) -> bool {
    let embedded = v6.to_ipv4().is_some_and(is_ours_v4);
    let first = v6.segments()[0];
    embedded || v6.is_multicast() || !(0x2000..0x4000).contains(&first)
}
