use std::net::IpAddr;

use url::{Host, Url};

/// The addresses one URL parser or another could read out of a text that is no callback URL: what it would dial instead
/// of refusing. Each once, in the order of the text.
pub(super) fn addresses_readable_in(text: &str) -> Vec<IpAddr> {
    let lower = text.trim_start().to_ascii_lowercase();
    let Some(rest) = ["https:", "http:"].iter().find_map(|scheme| lower.strip_prefix(scheme)) else {
        return Vec::new();
    };
    // Browsers skip slashes of any number and kind before the host.
    let authority = rest.trim_start_matches(['/', '\\']).split('/').next().unwrap_or_default();
    let pieces =
        authority.split(['\\', '@', '#', '?', '&', ' ']).map(|piece| format!("http://{}/", host_of(piece)));
    let mut found = Vec::new();
    for address in std::iter::once(text.to_owned()).chain(pieces).filter_map(|text| literal(&text)) {
        if !found.contains(&address) {
            found.push(address);
        }
    }
    found
}

/// A piece without its port.
fn host_of(piece: &str) -> &str {
    if piece.starts_with('[') { piece } else { piece.split(':').next().unwrap_or_default() }
}

fn literal(text: &str) -> Option<IpAddr> {
    match Url::parse(text).ok()?.host()? {
        Host::Ipv4(address) => Some(address.into()),
        Host::Ipv6(address) => Some(address.into()),
        Host::Domain(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_reading_is_found() {
        let readings = |text: &str| -> Vec<String> {
            addresses_readable_in(text).iter().map(ToString::to_string).collect()
        };
        assert_eq!(readings("http://hooks.example.com\\@127.0.0.1/"), ["127.0.0.1"]);
        assert_eq!(readings("http:////0x7f.1/"), ["127.0.0.1"]);
        assert_eq!(readings("http://1.1.1.1 &@2.2.2.2# @3.3.3.3/"), ["2.2.2.2", "1.1.1.1", "3.3.3.3"]);
        assert!(readings("https://user:secret@hooks.example.com/").is_empty());
        assert!(readings("gopher://127.0.0.1:6379/").is_empty());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(https?:)?[/\\\\]{0,3}\\PC{0,40}") {
            let _ = addresses_readable_in(&text);
        }
    }
}
