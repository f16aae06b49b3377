//! What went wrong, worded for the tenant: it names their host and what they can do, and nothing of our own network.

use std::error::Error;
use std::io;

use callbacks_core::delivery::transport::FailureKind;

use crate::proxy_trouble::ProxyTrouble;
use crate::tls;

/// Longest external message, in characters.
const MESSAGE_LIMIT: usize = 2000;

/// A request that came to nothing: the kind for the verdict, the message for the tenant.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) kind: FailureKind,
    pub(crate) message: String,
    /// What operators should know of their proxy.
    pub(crate) proxy: Option<Box<ProxyTrouble>>,
}

impl Fault {
    pub(crate) fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        let mut message = message.into();
        if let Some((cut, _)) = message.char_indices().nth(MESSAGE_LIMIT) {
            message.truncate(cut);
        }
        Self { kind, message, proxy: None }
    }

    /// A failure of our own proxy.
    pub(crate) fn of_proxy(kind: FailureKind, message: &str, trouble: ProxyTrouble) -> Self {
        Self { proxy: Some(Box::new(trouble)), ..Self::new(kind, message) }
    }

    /// True when we are out of file descriptors, ports or memory (Linux: ENFILE, EMFILE, ENOMEM, EADDRNOTAVAIL, ENOBUFS).
    pub(crate) fn is_our_shortage(error: &io::Error) -> bool {
        matches!(error.raw_os_error(), Some(23 | 24 | 12 | 99 | 105))
    }

    /// Words a failure to connect. A shortage of our own is not put down to the endpoint.
    pub(crate) fn connecting(host: &str, error: &io::Error) -> Self {
        if Self::is_our_shortage(error) {
            let message = "this service is short of connections at the moment; it will be tried again";
            return Self::new(FailureKind::Other, message);
        }
        let message = match error.kind() {
            io::ErrorKind::ConnectionRefused => {
                format!(
                    "{host} refused the connection. Check that the endpoint is running and listens on that port"
                )
            }
            io::ErrorKind::TimedOut => {
                format!(
                    "{host} did not accept a connection in time. Check that the endpoint is up and no firewall drops packets to it"
                )
            }
            io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable => {
                format!("{host} cannot be reached from here. Check its public DNS records and routing")
            }
            _ => format!("no connection to {host} could be made"),
        };
        Self::new(FailureKind::Connect, message)
    }

    /// Words a connection that broke, or an answer that is not HTTP, once the connection was made.
    pub(crate) fn exchanging(host: &str, error: &hyper::Error) -> Self {
        if let Some(io) = cause::<io::Error>(error) {
            if let Some(refused) = io.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
                return tls::describe(host, refused);
            }
        } else if error.is_parse() || is_http2_breach(error) {
            return Self::invalid_response(host, &error.to_string());
        }
        Self::new(
            FailureKind::Reset,
            format!(
                "{host} closed the connection before it answered. Check the endpoint's own logs for this request"
            ),
        )
    }

    /// Words an answer that breaks HTTP.
    pub(crate) fn invalid_response(host: &str, detail: &str) -> Self {
        Self::new(
            FailureKind::InvalidResponse,
            format!(
                "{host} did not answer with valid HTTP ({detail}). Check that the URL's scheme and port belong to an HTTP server"
            ),
        )
    }
}

/// The first cause of type `E` in an error's chain.
pub(crate) fn cause<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut current = Some(error);
    while let Some(link) = current {
        if let Some(found) = link.downcast_ref::<E>() {
            return Some(found);
        }
        current = link.source();
    }
    None
}

/// True when the peer broke the HTTP/2 protocol, as opposed to going away or refusing the stream.
fn is_http2_breach(error: &hyper::Error) -> bool {
    cause::<h2::Error>(error).is_some_and(|error| !error.is_io() && !error.is_go_away() && error.is_library())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_messages_are_cut_at_a_character() {
        let fault = Fault::new(FailureKind::Other, "ü".repeat(3000));
        assert_eq!(fault.message.chars().count(), MESSAGE_LIMIT);
    }

    #[test]
    fn a_shortage_of_ours_is_not_the_endpoints_failure() {
        let fault = Fault::connecting("hooks.example.com", &io::Error::from_raw_os_error(24));
        assert_eq!(fault.kind, FailureKind::Other);
        assert!(!fault.message.contains("hooks.example.com"), "{}", fault.message);
    }

    #[test]
    fn no_connect_message_carries_the_operating_systems_text() {
        for kind in [io::ErrorKind::ConnectionRefused, io::ErrorKind::TimedOut, io::ErrorKind::AddrInUse] {
            let fault = Fault::connecting("hooks.example.com", &io::Error::new(kind, "10.1.2.3: secret"));
            assert!(!fault.message.contains("10.1.2.3"), "{}", fault.message);
            assert!(fault.message.contains("hooks.example.com"), "{}", fault.message);
        }
    }
}
