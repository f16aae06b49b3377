use proptest::prelude::*;
use serde_json::Value;
use url::Host;

use super::*;

fn policy() -> AddressPolicy {
    AddressPolicy::default()
}

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn vectors(category: &str) -> Vec<Value> {
    let all: Vec<Value> = serde_json::from_str(include_str!("../../../tests/vectors/hostile_addresses.json"))
        .expect("valid JSON");
    all.into_iter().filter(|entry| entry["category"] == category).collect()
}

/// The address a URL names literally, as the parser that will be dialled with reads it.
fn literal(url: &str) -> Option<IpAddr> {
    match url::Url::parse(url).ok()?.host()?.to_owned() {
        Host::Ipv4(v4) => Some(v4.into()),
        Host::Ipv6(v6) => Some(v6.into()),
        Host::Domain(_) => None,
    }
}

#[test]
fn every_hostile_literal_is_refused() {
    let literals: Vec<_> = vectors("ssrf_url")
        .iter()
        .filter(|entry| entry["expect"]["reason"] == "forbidden_ip")
        .filter_map(|entry| Some((entry["id"].clone(), literal(entry["input"]["url"].as_str()?)?)))
        .collect();
    assert!(literals.len() >= 50, "only {} literals", literals.len());
    for (id, address) in literals {
        assert!(policy().verdict(address, How::Literal).is_err(), "{id}: {address}");
    }
}

#[test]
fn every_hostile_answer_is_refused() {
    let mut answers = 0;
    for entry in vectors("ssrf_dns").iter().filter(|entry| entry["expect"]["reason"] == "forbidden_ip") {
        let addresses: Vec<IpAddr> = entry["input"]["dns"]
            .as_object()
            .into_iter()
            .flat_map(|map| map.values())
            .flat_map(|list| list.as_array().into_iter().flatten())
            .filter_map(|text| text.as_str()?.parse().ok())
            .collect();
        if addresses.is_empty() {
            continue;
        }
        answers += 1;
        // A mixed answer is refused as a whole, so one forbidden address is enough.
        assert!(
            addresses.iter().any(|address| policy().verdict(*address, How::Resolved).is_err()),
            "{}",
            entry["id"]
        );
    }
    assert!(answers >= 6, "only {answers} answers");
}

#[test]
fn no_public_address_is_refused() {
    let mut allowed = 0;
    for entry in vectors("ssrf_control_allow") {
        let answers = entry["input"]["dns_answer"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(address);
        for address in answers.chain(literal(entry["input"]["url"].as_str().expect("a URL"))) {
            assert_eq!(policy().verdict(address, How::Literal), Ok(()), "{}", entry["id"]);
            allowed += 1;
        }
    }
    assert!(allowed >= 15, "only {allowed} addresses");
}

#[test]
fn a_nat64_answer_gets_the_verdict_of_its_ipv4_address_and_a_literal_none() {
    assert!(policy().verdict(address("64:ff9b::8.8.8.8"), How::Literal).is_err());
    assert_eq!(policy().verdict(address("64:ff9b::8.8.8.8"), How::Resolved), Ok(()));
    assert!(policy().verdict(address("64:ff9b::10.0.0.1"), How::Resolved).is_err());
    assert!(policy().verdict(address("64:ff9b::169.254.169.254"), How::Resolved).is_err());
    assert!(policy().verdict(address("64:ff9b:1::8.8.8.8"), How::Resolved).is_err());
}

#[test]
fn forms_that_carry_an_ipv4_address_are_refused() {
    for text in [
        "::ffff:127.0.0.1",
        "::127.0.0.1",
        "::ffff:0:127.0.0.1",
        "2001:470:1:2::5efe:10.0.0.1",
        "2001:470:1:2:200:5efe:10.0.0.1",
        "2002:7f00:1::1",
        "2001:0:7f00:1::1",
        "fd00:ec2::254",
    ] {
        assert!(policy().verdict(address(text), How::Literal).is_err(), "{text}");
        assert!(policy().verdict(address(text), How::Resolved).is_err(), "{text}");
    }
    assert_eq!(policy().verdict(address("2001:470:1:2:0:5efe:808:808"), How::Resolved), Ok(()));
}

#[test]
fn an_operator_may_open_networks_and_only_those() {
    let opened = AddressPolicy::allowing(vec![
        "127.0.0.0/8".parse().expect("a network"),
        "fd12::/16".parse().expect("a network"),
    ]);
    for text in ["127.0.0.1", "127.255.0.1", "::ffff:127.0.0.1", "fd12::1"] {
        assert_eq!(opened.verdict(address(text), How::Literal), Ok(()), "{text}");
    }
    assert_eq!(opened.verdict(address("64:ff9b::127.0.0.1"), How::Resolved), Ok(()));
    for text in ["::1", "10.0.0.1", "fd13::1", "169.254.169.254"] {
        assert!(opened.verdict(address(text), How::Literal).is_err(), "{text}");
    }
}

#[test]
fn the_reason_names_the_network() {
    let reason = |text: &str| policy().verdict(address(text), How::Literal).expect_err("forbidden").reason;
    assert_eq!(reason("127.0.0.1"), "loopback");
    assert_eq!(reason("192.168.1.1"), "private network");
    assert_eq!(reason("100.100.100.200"), "cloud metadata");
    assert_eq!(reason("::1"), "loopback");
    assert_eq!(reason("fd00:ec2::254"), "cloud metadata");
    assert_eq!(reason("4000::1"), "not global unicast");
}

/// The IANA IPv4 registry again, as first and last addresses, written down apart from the table under test.
const ORACLE_V4: &[(u32, u32)] = &[
    (0x0000_0000, 0x00ff_ffff),
    (0x0a00_0000, 0x0aff_ffff),
    (0x6440_0000, 0x647f_ffff),
    (0x7f00_0000, 0x7fff_ffff),
    (0xa83f_8110, 0xa83f_8110),
    (0xa9fe_0000, 0xa9fe_ffff),
    (0xac10_0000, 0xac1f_ffff),
    (0xc000_0000, 0xc000_00ff),
    (0xc000_0200, 0xc000_02ff),
    (0xc058_6300, 0xc058_63ff),
    (0xc0a8_0000, 0xc0a8_ffff),
    (0xc612_0000, 0xc613_ffff),
    (0xc633_6400, 0xc633_64ff),
    (0xcb00_7100, 0xcb00_71ff),
    (0xe000_0000, 0xffff_ffff),
];

fn oracle_v4(bits: u32) -> bool {
    ORACLE_V4.iter().any(|(first, last)| (*first..=*last).contains(&bits))
}

/// The IPv6 rule again, on the numbers.
fn oracle_v6(bits: u128) -> bool {
    let top = |length: u32| bits >> (128 - length);
    let isatap = ((bits >> 32) as u32) & !0x0200_0000 == 0x5efe && oracle_v4(bits as u32);
    top(3) != 1
        || top(23) == 0x0010_0080
        || top(32) == 0x2001_0db8
        || top(16) == 0x2002
        || top(20) == 0x0003_fff0
        || isatap
}

fn forbids(address: impl Into<IpAddr>) -> bool {
    policy().verdict(address.into(), How::Literal).is_err()
}

/// Both rules are constant between their boundaries, so agreeing at every boundary and beside it is agreeing everywhere.
#[test]
fn all_of_ipv4_agrees_with_the_registry() {
    let table = V4.iter().map(|(network, _)| (network.network().to_bits(), network.broadcast().to_bits()));
    for (first, last) in table.chain(ORACLE_V4.iter().copied()) {
        for bits in [first.saturating_sub(1), first, last, last.saturating_add(1)] {
            assert_eq!(forbids(Ipv4Addr::from_bits(bits)), oracle_v4(bits), "{}", Ipv4Addr::from_bits(bits));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn random_ipv4_agrees_with_the_registry(bits in any::<u32>()) {
        prop_assert_eq!(forbids(Ipv4Addr::from_bits(bits)), oracle_v4(bits));
    }

    #[test]
    fn random_ipv6_agrees_with_the_registry(bits in any::<u128>(), prefix in prop_oneof![
        Just(None), (0x2000_u16..0x4000).prop_map(Some), Just(Some(0x2001)), Just(Some(0x2002)), Just(Some(0x3fff)), Just(Some(0)),
    ]) {
        let bits = prefix.map_or(bits, |prefix| bits & (u128::MAX >> 16) | u128::from(prefix) << 112);
        prop_assert_eq!(forbids(Ipv6Addr::from_bits(bits)), oracle_v6(bits));
    }

    #[test]
    fn a_short_ipv6_near_the_special_prefixes_agrees_too(
        a in prop::sample::select(vec![0_u16, 0x64, 0x100, 0x2000, 0x2001, 0x2002, 0x2003, 0x3ffe, 0x3fff, 0x5f00, 0xfc00, 0xfe80, 0xfec0]),
        b in prop::sample::select(vec![0_u16, 1, 2, 0x10, 0x20, 0x1ff, 0x200, 0xdb8, 0xdb9, 0xff9b, 0xfff, 0x1000]),
        c in 0_u16..3, f in prop::sample::select(vec![0_u16, 0x200, 0xffff]), g in prop::sample::select(vec![0_u16, 0x5efe]),
        v4 in any::<u32>(),
    ) {
        let [h, i] = [(v4 >> 16) as u16, v4 as u16];
        let address = Ipv6Addr::new(a, b, c, 0, f, g, h, i);
        prop_assert_eq!(forbids(address), oracle_v6(address.to_bits()), "{}", address);
    }

    #[test]
    fn a_nat64_answer_always_agrees_with_the_ipv4_inside(bits in any::<u32>()) {
        let nat64 = Ipv6Addr::from_bits(0x0064_ff9b_u128 << 96 | u128::from(bits));
        prop_assert_eq!(policy().verdict(nat64.into(), How::Resolved).is_err(), oracle_v4(bits));
        prop_assert!(forbids(nat64));
    }
}
