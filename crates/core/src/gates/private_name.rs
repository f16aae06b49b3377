//! Names that lead, by registration or by custom, into a private network or nowhere: never a receiver on the Internet.

/// Last labels (one or more) that no public name server answers for, with the reason in words: RFC 6761 and 6762 with
/// its appendix G, RFC 7686, RFC 8375, the names ICANN keeps out of the root, and what clusters and routers use.
const SUFFIXES: &[(&str, &str)] = &[
    ("localhost", "a name of this machine"),
    ("localdomain", "a name of a local network"),
    ("local", "a name of a local network"),
    ("internal", "a name of a private network"),
    ("intranet", "a name of a private network"),
    ("private", "a name of a private network"),
    ("corp", "a name of a private network"),
    ("home", "a name of a private network"),
    ("lan", "a name of a private network"),
    ("home.arpa", "a name of a private network"),
    ("svc", "a name of a cluster"),
    ("onion", "a name outside of DNS"),
];

/// Why a host name cannot belong to a public receiver; `None` when it can. `name` is in canonical form: lower case, ASCII.
pub(super) fn private_name(name: &str) -> Option<&'static str> {
    let name = name.strip_suffix('.').unwrap_or(name);
    let ends_in =
        |suffix: &str| name.strip_suffix(suffix).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    let by_suffix = SUFFIXES.iter().find(|(suffix, _)| ends_in(suffix)).map(|(_, reason)| *reason);
    by_suffix.or_else(|| (!name.contains('.')).then_some("a name without a domain"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_names_are_known_and_public_ones_are_not_mistaken_for_them() {
        for name in [
            "localhost",
            "localhost.",
            "a.localhost",
            "localhost.localdomain",
            "metadata",
            "metadata.google.internal",
            "kubernetes.default.svc",
            "svc.cluster.local",
            "printer.local",
            "intranet.corp",
            "router.home.arpa",
            "x.onion",
        ] {
            assert!(private_name(name).is_some(), "{name}");
        }
        for name in [
            "localhost.example.com",
            "hooks_under.example.com",
            "mylocalhost.org",
            "xn--fa-hia.example",
            "home.example",
            "local.net.",
        ] {
            assert_eq!(private_name(name), None, "{name}");
        }
    }
}
