use super::*;

fn policy() -> AddressPolicy {
    AddressPolicy::default()
}

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
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
