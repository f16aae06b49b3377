//! Which addresses may be dialled: whatever is not globally reachable is refused, unless an operator allowed its
//! network. Names and literals pass through this one function, on the address actually dialled, at every attempt.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, LazyLock};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::address_ranges::AddressRanges;
use super::address_table::{FORBIDDEN_V4, FORBIDDEN_V6, NAMED_V6};
use super::private_name::private_name;

/// The rule for the address actually dialled. Cheap to clone. The default allows no exception.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AddressPolicy {
    /// Networks an operator opened although they are not globally reachable.
    pub allowed: Arc<[IpNet]>,
    /// Networks an operator opened for one tenant alone.
    pub of_tenant: Option<Arc<[IpNet]>>,
}

/// How the address came to be named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// It stands in the URL itself.
    Literal,
    /// The resolver answered with it.
    Resolved,
}

/// Why an address is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("address not allowed: {reason}")]
pub struct AddressRefusal {
    /// The kind of network it is in.
    pub reason: &'static str,
}

impl AddressPolicy {
    /// A policy that also permits the given networks.
    pub fn allowing(networks: impl Into<Arc<[IpNet]>>) -> Self {
        Self { allowed: networks.into(), of_tenant: None }
    }

    /// The same policy, which also permits what was opened for one tenant.
    #[must_use]
    pub fn opening(&self, of_tenant: Option<Arc<[IpNet]>>) -> Self {
        Self { allowed: Arc::clone(&self.allowed), of_tenant }
    }

    fn opened(&self) -> impl Iterator<Item = &IpNet> {
        self.allowed.iter().chain(self.of_tenant.iter().flat_map(|networks| networks.iter()))
    }

    /// Judges one address.
    ///
    /// A NAT64 address (64:ff9b::/96) is refused as a literal; as an answer of the resolver, which on an IPv6-only
    /// network is how every IPv4 host looks, it gets the verdict of the IPv4 address inside.
    ///
    /// # Errors
    /// [`AddressRefusal`] names the kind of network when the address must not be dialled.
    pub fn verdict(&self, address: IpAddr, how: How) -> Result<(), AddressRefusal> {
        let refusal = match (address, how) {
            (IpAddr::V4(v4), _) => forbidden_v4(v4),
            (IpAddr::V6(v6), How::Resolved) if NAT64.contains(&v6) => {
                return self.verdict(IpAddr::V4(last_32_bits(v6)), how);
            }
            (IpAddr::V6(v6), _) => forbidden_v6(v6),
        };
        match refusal {
            Some(reason) if !self.opens(address) => Err(AddressRefusal { reason }),
            _ => Ok(()),
        }
    }

    /// Judges a host name before it is looked up: names of private networks lead nowhere from here, unless an operator
    /// opened a network that is not globally reachable; then only the addresses decide.
    ///
    /// # Errors
    /// [`AddressRefusal`] names the kind of name when it must not be looked up.
    pub fn name_verdict(&self, name: &str) -> Result<(), AddressRefusal> {
        match private_name(name) {
            Some(reason) if self.opened().next().is_none() => Err(AddressRefusal { reason }),
            _ => Ok(()),
        }
    }

    /// True in a network that an operator opened. An IPv4-mapped address is dialled as the IPv4 address it is, so it is
    /// opened where that one is.
    pub fn opens(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.opened().any(|network| network.contains(&address))
    }
}

/// The well-known prefix of RFC 6052.
const NAT64: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96);
const GLOBAL_UNICAST: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

static V4: LazyLock<AddressRanges<u32>> = LazyLock::new(|| ranges_v4(FORBIDDEN_V4));
static V6: LazyLock<AddressRanges<u128>> = LazyLock::new(|| ranges_v6(FORBIDDEN_V6));
static V6_NAMED: LazyLock<AddressRanges<u128>> = LazyLock::new(|| ranges_v6(NAMED_V6));

#[expect(clippy::expect_used, reason = "the tables are literals, and tests read all of them")]
fn ranges_v4(table: &[(&str, &'static str)]) -> AddressRanges<u32> {
    let parsed = table.iter().map(|(network, reason)| {
        let network: Ipv4Net = network.parse().expect("the table holds valid networks");
        (network.network().to_bits(), network.broadcast().to_bits(), *reason)
    });
    AddressRanges::flatten(&parsed.collect::<Vec<_>>())
}

#[expect(clippy::expect_used, reason = "the tables are literals, and tests read all of them")]
fn ranges_v6(table: &[(&str, &'static str)]) -> AddressRanges<u128> {
    let parsed = table.iter().map(|(network, reason)| {
        let network: Ipv6Net = network.parse().expect("the table holds valid networks");
        (network.network().to_bits(), network.broadcast().to_bits(), *reason)
    });
    AddressRanges::flatten(&parsed.collect::<Vec<_>>())
}

/// Every IPv4 address that is refused unless an operator opened its network: ranges in order, first and last address and why.
pub fn refused_v4() -> impl Iterator<Item = (Ipv4Addr, Ipv4Addr, &'static str)> {
    V4.pieces().iter().map(|(first, next, reason)| {
        let last = next.map_or(u32::MAX, |next| next - 1);
        (Ipv4Addr::from_bits(*first), Ipv4Addr::from_bits(last), *reason)
    })
}

fn forbidden_v4(address: Ipv4Addr) -> Option<&'static str> {
    V4.reason(address.to_bits())
}

fn forbidden_v6(address: Ipv6Addr) -> Option<&'static str> {
    let bits = address.to_bits();
    if GLOBAL_UNICAST.contains(&address) {
        V6.reason(bits).or_else(|| isatap(address).and_then(forbidden_v4))
    } else {
        V6_NAMED.reason(bits).or(Some("not global unicast"))
    }
}

/// The IPv4 address in an ISATAP interface identifier (RFC 5214 section 6.1), which any prefix may carry.
fn isatap(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [.., 0 | 0x200, 0x5efe, _, _] = address.segments() else { return None };
    Some(last_32_bits(address))
}

fn last_32_bits(address: Ipv6Addr) -> Ipv4Addr {
    let [.., a, b, c, d] = address.octets();
    Ipv4Addr::new(a, b, c, d)
}

#[cfg(test)]
mod tests;
