//! Whether an address belongs to this machine: also a public one must not be called back, or the service talks to itself.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// True when the routing table takes `address` for one of this machine's own: its source address is then that address itself.
///
/// Connecting a UDP socket asks the routing table and sends nothing. What cannot be asked cannot be reached either.
pub(crate) fn is_own(address: IpAddr) -> bool {
    let any = match address {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    let source = UdpSocket::bind((any, 0)).and_then(|socket| {
        socket.connect(SocketAddr::new(address, 9))?;
        socket.local_addr()
    });
    source.is_ok_and(|source| source.ip() == address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machines_addresses_are_its_own_and_others_are_not() {
        assert!(is_own(IpAddr::from([127, 0, 0, 1])));
        for other in ["192.0.2.1", "2001:db8::1", "8.8.8.8"] {
            assert!(!is_own(other.parse().expect("an address")), "{other}");
        }
        // The address this machine would send from, where it has a route at all.
        let socket = UdpSocket::bind("0.0.0.0:0").expect("a socket");
        if socket.connect("192.0.2.1:9").is_ok() {
            assert!(is_own(socket.local_addr().expect("an address").ip()));
        }
    }
}
