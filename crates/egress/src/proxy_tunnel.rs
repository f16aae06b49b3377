//! A connection to a judged address through the operator's proxy. The proxy is told the address, never the name, so that what
//! was judged is what is connected to; what runs through the tunnel, TLS included, is between us and the endpoint.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use callbacks_core::delivery::transport::FailureKind;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::connect_answer::{ConnectAnswer, judge};
use crate::dialer::Dialer;
use crate::dns::Directory;
use crate::fault::Fault;
use crate::guarded_connector::Host;
use crate::proxy::Proxy;
use crate::proxy_trouble::{Ailment, ProxyTrouble};
use crate::trip::Stage;

/// Bytes of the proxy's answer, interim answers included.
const HEAD_MAX: usize = 16 * 1024;
/// Addresses of the proxy that are tried at most.
const ADDRESSES_TRIED: usize = 4;

/// A way through one proxy to one address.
pub(crate) struct Tunnel<'a> {
    pub(crate) directory: &'a Directory,
    pub(crate) dialer: &'a Dialer,
    pub(crate) proxy: &'a Arc<Proxy>,
    /// The endpoint's host as the tenant wrote it, for messages.
    pub(crate) host: &'a Host,
    pub(crate) to: SocketAddr,
}

impl Tunnel<'_> {
    /// Dials the proxy and has it connect to the address, all within `patience`. `stage` tells how far this has come, also when
    /// it is cancelled.
    pub(crate) async fn open(&self, patience: Duration, stage: &mut Stage) -> Result<TcpStream, Fault> {
        *stage = Stage::DiallingProxy(Arc::clone(self.proxy));
        let mut stream = self.dial(patience).await?;
        // The request is written whole, and so is everything that follows it.
        let _ = stream.set_nodelay(true);
        *stage = Stage::AwaitingTunnel(Arc::clone(self.proxy));
        if self.ask(&mut stream).await.is_err() {
            return Err(no_tunnel(self.proxy, "it closed the connection without an answer"));
        }
        let mut left = HEAD_MAX;
        loop {
            let head = read_head(&mut stream, &mut left).await.map_err(|broken| self.broken(&broken))?;
            match judge(&head) {
                Some(ConnectAnswer::Interim) => {}
                Some(ConnectAnswer::Tunnel) => return Ok(stream),
                Some(ConnectAnswer::EndpointFailed(kind)) => {
                    return Err(Fault::connecting(&self.host.text(), &io::Error::from(kind)));
                }
                Some(ConnectAnswer::Refused(status)) => {
                    return Err(
                        self.unusable(Ailment::Refused, format!("it answered CONNECT with HTTP {status}"))
                    );
                }
                Some(ConnectAnswer::NoTunnel(status)) => {
                    return Err(no_tunnel(self.proxy, &format!("it answered CONNECT with HTTP {status}")));
                }
                None => return Err(self.unusable(Ailment::Malformed, "it did not answer CONNECT with HTTP")),
            }
        }
    }

    /// Connects to the proxy; its addresses are the operator's choice and not judged.
    async fn dial(&self, patience: Duration) -> Result<TcpStream, Fault> {
        let addresses = self.addresses().await?;
        let tried = addresses.get(..ADDRESSES_TRIED).unwrap_or(&addresses);
        // One share is left for the answer.
        let share = patience / u32::try_from(tried.len() + 1).unwrap_or(2);
        let mut last = io::Error::from(io::ErrorKind::TimedOut);
        for &address in tried {
            let dialled = self.dialer.dial(SocketAddr::new(address, self.proxy.port));
            match tokio::time::timeout(share, dialled).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => last = error,
                Err(_elapsed) => last = io::Error::from(io::ErrorKind::TimedOut),
            }
        }
        if Fault::is_our_shortage(&last) {
            return Err(Fault::connecting(&self.host.text(), &last));
        }
        Err(self.unusable(Ailment::Unreachable, format!("no connection to it ({})", last.kind())))
    }

    async fn addresses(&self) -> Result<Vec<IpAddr>, Fault> {
        match &self.proxy.host {
            Host::Literal(address) => Ok(vec![*address]),
            Host::Name(name) => self
                .directory
                .lookup(name)
                .await
                .map_err(|fault| self.unusable(Ailment::Unreachable, fault.message)),
        }
    }

    async fn ask(&self, stream: &mut TcpStream) -> io::Result<()> {
        let to = SocketAddr::new(self.to.ip().to_canonical(), self.to.port());
        let mut request = format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n").into_bytes();
        if let Some(authorization) = &self.proxy.authorization {
            request.extend_from_slice(b"Proxy-Authorization: ");
            request.extend_from_slice(authorization.as_bytes());
            request.extend_from_slice(b"\r\n");
        }
        request.extend_from_slice(b"\r\n");
        stream.write_all(&request).await
    }

    fn broken(&self, broken: &BrokenHead) -> Fault {
        match broken {
            BrokenHead::Closed => no_tunnel(self.proxy, "it closed the connection without an answer"),
            BrokenHead::Cut => self.unusable(Ailment::Malformed, "its answer to CONNECT broke off"),
            BrokenHead::TooLarge => self.unusable(
                Ailment::Malformed,
                format!("its answer to CONNECT has more than {HEAD_MAX} bytes"),
            ),
        }
    }

    fn unusable(&self, ailment: Ailment, told: impl Into<String>) -> Fault {
        unusable(self.proxy, ailment, told)
    }
}

/// Nothing is asked of any endpoint while the proxy is like this.
pub(crate) fn unusable(proxy: &Arc<Proxy>, ailment: Ailment, told: impl Into<String>) -> Fault {
    let message = "this service's own outgoing proxy cannot be used at the moment, so the endpoint was not called; \
                   nothing is wrong with the endpoint. The service's operators find the reason in its log";
    let trouble = ProxyTrouble { proxy: Arc::clone(proxy), ailment, told: told.into() };
    Fault::of_proxy(FailureKind::Proxy, message, trouble)
}

/// Either the proxy's way out is broken or the endpoint does not answer: the proxy does not say.
pub(crate) fn no_tunnel(proxy: &Arc<Proxy>, told: &str) -> Fault {
    let message = "this service's outgoing proxy did not get through to the endpoint and did not say why. Check that the \
                   endpoint is up and accepts connections; otherwise it is the service's operators' to mend";
    let trouble =
        ProxyTrouble { proxy: Arc::clone(proxy), ailment: Ailment::NoTunnel, told: told.to_owned() };
    Fault::of_proxy(FailureKind::Tunnel, message, trouble)
}

/// Why there is no whole head.
enum BrokenHead {
    /// Not a byte came.
    Closed,
    /// The connection ended within it.
    Cut,
    TooLarge,
}

/// Reads up to the empty line and not a byte further: what follows belongs to the endpoint.
async fn read_head(stream: &mut TcpStream, left: &mut usize) -> Result<Vec<u8>, BrokenHead> {
    let mut head = Vec::with_capacity(256);
    let mut seen = [0; 1024];
    loop {
        let cut = if head.is_empty() { BrokenHead::Closed } else { BrokenHead::Cut };
        let peeked = match stream.peek(&mut seen).await {
            Ok(0) | Err(_) => return Err(cut),
            Ok(peeked) => peeked,
        };
        let before = head.len();
        head.extend_from_slice(seen.get(..peeked).unwrap_or(&seen));
        let end = end_of_head(&head, before);
        head.truncate(end.unwrap_or(head.len()));
        let taken = head.len() - before;
        *left = left.checked_sub(taken).ok_or(BrokenHead::TooLarge)?;
        let consumed = seen.get_mut(..taken).ok_or(BrokenHead::TooLarge)?;
        stream.read_exact(consumed).await.map_err(|_| BrokenHead::Cut)?;
        if end.is_some() {
            return Ok(head);
        }
    }
}

/// Where the empty line ends, if it does so in what was added at `from`.
fn end_of_head(head: &[u8], from: usize) -> Option<usize> {
    let from = from.saturating_sub(3);
    let tail = head.get(from..).unwrap_or_default();
    let crlf = tail.windows(4).position(|window| window == b"\r\n\r\n").map(|at| from + at + 4);
    let lf = tail.windows(2).position(|window| window == b"\n\n").map(|at| from + at + 2);
    [crlf, lf].into_iter().flatten().min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_head_is_found_however_it_is_cut() {
        let head = b"HTTP/1.1 200 OK\r\nA: b\r\n\r\nendpoint";
        for cut in 0..25 {
            assert_eq!(end_of_head(head, cut), Some(25), "cut at {cut}");
        }
        assert_eq!(end_of_head(b"HTTP/1.1 200 OK\n\n", 0), Some(17));
        assert_eq!(end_of_head(b"HTTP/1.1 200 OK\r\nA: b\r\n", 0), None);
    }
}
