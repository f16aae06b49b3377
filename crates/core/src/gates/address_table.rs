//! The networks no callback may reach, from the IANA special-purpose address registries (RFC 6890 and its updates).
//! The first entry that contains an address gives the reason.

/// IPv4: everything the registry does not call globally reachable, multicast, and addresses of cloud platforms that
/// lie in public ranges but are answered by the machine next door.
pub(super) const FORBIDDEN_V4: &[(&str, &str)] = &[
    ("127.0.0.0/8", "loopback"),
    ("10.0.0.0/8", "private network"),
    ("172.16.0.0/12", "private network"),
    ("192.168.0.0/16", "private network"),
    ("169.254.0.0/16", "link-local or cloud metadata"),
    // Alibaba Cloud's metadata service; also inside the shared space below.
    ("100.100.100.200/32", "cloud metadata"),
    ("100.64.0.0/10", "shared address space"),
    // Azure's WireServer: a public address that every Azure machine reaches its host by.
    ("168.63.129.16/32", "cloud metadata"),
    ("0.0.0.0/8", "this network"),
    // With 192.0.0.9 and .10, which are anycast to the nearest network device: no place for a webhook receiver.
    ("192.0.0.0/24", "protocol assignments"),
    ("192.0.2.0/24", "documentation"),
    ("198.51.100.0/24", "documentation"),
    ("203.0.113.0/24", "documentation"),
    ("192.88.99.0/24", "6to4 relay anycast"),
    ("198.18.0.0/15", "benchmarking"),
    ("224.0.0.0/4", "multicast"),
    ("255.255.255.255/32", "broadcast"),
    ("240.0.0.0/4", "reserved"),
];

/// IPv6 inside global unicast (2000::/3): what the registry does not call globally reachable, and forms that carry an
/// IPv4 address past a check of the IPv6 one.
pub(super) const FORBIDDEN_V6: &[(&str, &str)] = &[
    // Teredo, benchmarking, ORCHID and the other protocol assignments.
    ("2001::/23", "protocol assignments"),
    ("2001:db8::/32", "documentation"),
    ("2002::/16", "6to4"),
    ("3fff::/20", "documentation"),
];

/// IPv6 outside global unicast is forbidden as a whole; these only give better reasons than "not global unicast".
pub(super) const NAMED_V6: &[(&str, &str)] = &[
    ("::1/128", "loopback"),
    ("::/128", "unspecified"),
    ("::ffff:0:0/96", "IPv4-mapped"),
    ("::ffff:0:0:0/96", "IPv4-translated"),
    ("64:ff9b::/96", "NAT64"),
    ("64:ff9b:1::/48", "local-use NAT64"),
    ("::/96", "IPv4-compatible"),
    ("fd00:ec2::254/128", "cloud metadata"),
    ("fc00::/7", "unique local"),
    ("fe80::/10", "link-local"),
    ("fec0::/10", "site-local"),
    ("ff00::/8", "multicast"),
    ("100::/64", "discard-only"),
    ("5f00::/16", "segment routing"),
];
