//! The address rule against the IANA registries: all of IPv4, and ten million addresses of IPv6.
//!
//! Each run compares the ranges the rule refuses with those the registry does, which together are all of IPv4; asks about three
//! addresses of every /24 (first, last, one at random), on both sides of every border, and about every address of each /16 in
//! which a registered block begins or ends inside a /24. `make exhaustive` asks about each of the 2³² addresses, one by one (two
//! minutes of one core).

mod oracle;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::thread;

use callbacks_core::gates::address_policy::{AddressPolicy, How, refused_v4};
use callbacks_testkit::seeded_entropy::SplitMix;
use oracle::Oracle;

const SEED: u64 = 0x00ca_11ba_c450;
const IPV6_ADDRESSES: u64 = 10_000_000;

fn forbids(address: impl Into<IpAddr>, how: How) -> bool {
    AddressPolicy::default().verdict(address.into(), how).is_err()
}

fn agree_v4(oracle: &Oracle, number: u32) {
    let address = Ipv4Addr::from_bits(number);
    for how in [How::Literal, How::Resolved] {
        assert_eq!(forbids(address, how), oracle.forbids(number.into()), "{address}, {how:?}");
    }
}

/// Runs `work` for every part of `count` in as many threads.
fn in_threads(count: u64, work: impl Fn(std::ops::Range<u64>) + Sync) {
    let threads = thread::available_parallelism().map_or(2, |count| count.get() as u64);
    thread::scope(|scope| {
        for part in 0..threads {
            let work = &work;
            scope.spawn(move || work(count * part / threads..count * (part + 1) / threads));
        }
    });
}

#[test]
fn the_refused_ranges_are_the_registrys_over_all_of_ipv4() {
    let oracle = oracle::ipv4();
    let number = |address: Ipv4Addr| u128::from(address.to_bits());
    let ranges = oracle::joined(refused_v4().map(|(first, last, _)| (number(first), number(last))));
    assert_eq!(ranges, oracle.forbidden_up_to(u32::MAX.into()));
    // What is said of a range is what is answered at its borders and beyond them, and in its middle.
    for (first, last, reason) in refused_v4() {
        let (first, last) = (first.to_bits(), last.to_bits());
        for address in [first, first + (last - first) / 2, last] {
            let verdict = AddressPolicy::default().verdict(Ipv4Addr::from_bits(address).into(), How::Literal);
            assert_eq!(verdict.expect_err("it is refused").reason, reason);
        }
        agree_v4(&oracle, first.saturating_sub(1));
        agree_v4(&oracle, last.saturating_add(1));
    }
}

#[test]
fn every_ipv4_network_agrees_with_the_registry() {
    let oracle = oracle::ipv4();
    in_threads(1 << 24, |networks| {
        let mut random = SplitMix::new(SEED ^ networks.start);
        for network in networks {
            let first = u32::try_from(network << 8).expect("24 bits");
            for number in [first, first | 255, first | (random.draw() as u32 & 255)] {
                let address = Ipv4Addr::from_bits(number);
                assert_eq!(forbids(address, How::Literal), oracle.forbids(number.into()), "{address}");
            }
        }
    });
    for block in &oracle.blocks {
        for edge in [block.first, block.last] {
            let sixteen = u32::try_from(edge).expect("an IPv4 address") & 0xffff_0000;
            if block.last - block.first < 256 {
                (sixteen..=sixteen | 0xffff).for_each(|number| agree_v4(&oracle, number));
            }
            for number in [edge.saturating_sub(1), edge, (edge + 1).min(u32::MAX.into())] {
                agree_v4(&oracle, u32::try_from(number).expect("an IPv4 address"));
            }
        }
    }
}

#[test]
#[ignore = "takes minutes: `make exhaustive` runs it with optimisation"]
fn every_ipv4_address_agrees_with_the_registry() {
    let oracle = oracle::ipv4();
    in_threads(1 << 32, |numbers| {
        for number in numbers {
            let number = u32::try_from(number).expect("32 bits");
            let address = Ipv4Addr::from_bits(number);
            assert_eq!(forbids(address, How::Literal), oracle.forbids(number.into()), "{address}");
        }
    });
}

/// The IPv4 address in an ISATAP identifier (RFC 5214), which any prefix may carry, is judged too.
fn expected_v6(v4: &Oracle, v6: &Oracle, bits: u128) -> bool {
    let identifier = (bits >> 32) & 0xffff_ffff;
    let isatap = identifier == 0x0000_5efe || identifier == 0x0200_5efe;
    v6.forbids(bits) || (isatap && v4.forbids(bits & 0xffff_ffff))
}

#[test]
fn ten_million_ipv6_addresses_agree_with_the_registry() {
    let (v4, v6) = (oracle::ipv4(), oracle::ipv6());
    in_threads(IPV6_ADDRESSES, |numbers| {
        let mut random = SplitMix::new(SEED ^ numbers.start);
        for number in numbers {
            let noise = u128::from(random.draw()) << 64 | u128::from(random.draw());
            let block = v6.blocks[random.draw() as usize % v6.blocks.len()];
            let bits = match number % 8 {
                // Anywhere, and anywhere in global unicast.
                0 => noise,
                1 => noise >> 3 | 1 << 125,
                // Inside a registered block, at its edges, and just beyond them.
                2 | 3 => block.first | noise & (block.last - block.first),
                4 => block.first.wrapping_add(noise & 3).wrapping_sub(2),
                5 => block.last.wrapping_add(noise & 3).wrapping_sub(1),
                // IPv4 addresses in the forms that carry them.
                6 => (noise >> 3 | 1 << 125) & !(0xffff_ffff << 32) | 0x5efe << 32 | (noise & 1) << 57,
                _ => {
                    [0, 0xffff << 32, 0xffff << 48, 0x64_ff9b << 96][noise as usize >> 5 & 3]
                        | noise & 0xffff_ffff
                }
            };
            let address = Ipv6Addr::from_bits(bits);
            assert_eq!(forbids(address, How::Literal), expected_v6(&v4, &v6, bits), "{address}");
        }
    });
}

#[test]
fn a_nat64_answer_is_judged_by_the_ipv4_address_inside() {
    let oracle = oracle::ipv4();
    let mut random = SplitMix::new(SEED);
    for _ in 0..1_000_000 {
        let number = random.draw() as u32;
        let nat64 = Ipv6Addr::from_bits(0x64_ff9b << 96 | u128::from(number));
        assert_eq!(forbids(nat64, How::Resolved), oracle.forbids(number.into()), "{nat64}");
        assert!(forbids(nat64, How::Literal), "{nat64}");
    }
}
