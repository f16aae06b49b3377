//! From an endpoint to a connected socket, past the guard: every address is judged before any is dialled.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use callbacks_core::delivery::transport::{Destination, FailureKind, TxtFailure};
use callbacks_core::gates::address_policy::How;
use tokio::net::TcpStream;
use tokio::time::Instant;
use url::Host as UrlHost;

use crate::dialer::Dialer;
use crate::dns::Directory;
use crate::fault::Fault;
use crate::own_address::is_own;
use crate::proxy::Proxy;
use crate::proxy_tunnel::Tunnel;
use crate::settings::EgressSettings;
use crate::socket::Socket;
use crate::tls::{TlsTarget, handshake};
use crate::trip::{Stage, Trip};

/// Addresses of one host that are tried at most.
const ADDRESSES_TRIED: usize = 8;

/// Where a URL leads: parsed once per endpoint.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) host: Host,
    pub(crate) port: u16,
    /// How TLS is spoken; `None` for plain http.
    pub(crate) tls: Option<TlsTarget>,
    /// The operator's proxy the connection is made through.
    pub(crate) proxy: Option<Arc<Proxy>>,
}

/// The host of a URL.
#[derive(Debug, Clone)]
pub(crate) enum Host {
    /// To be resolved.
    Name(String),
    /// An address written in the URL itself.
    Literal(IpAddr),
}

impl From<UrlHost<&str>> for Host {
    fn from(host: UrlHost<&str>) -> Self {
        match host {
            UrlHost::Domain(name) => Self::Name(name.to_owned()),
            UrlHost::Ipv4(address) => Self::Literal(address.into()),
            UrlHost::Ipv6(address) => Self::Literal(address.into()),
        }
    }
}

impl Host {
    /// The host as the tenant wrote it, for messages.
    pub(crate) fn text(&self) -> String {
        match self {
            Host::Name(name) => name.clone(),
            Host::Literal(address) => address.to_string(),
        }
    }
}

/// Whom a socket is connected to, remembered so that a kept connection can be judged again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer {
    pub(crate) address: IpAddr,
    pub(crate) how: How,
}

/// A fresh connection.
pub(crate) struct Connected {
    pub(crate) socket: Socket,
    pub(crate) peer: Peer,
    /// True when both sides agreed on HTTP/2 in the TLS handshake.
    pub(crate) http2: bool,
}

/// Connects to endpoints, and only to addresses their policy permits.
pub(crate) struct GuardedConnector {
    directory: Directory,
    dialer: Dialer,
    connect_timeout: Duration,
}

/// The guard: may this address be dialled for this destination? The one place where that is decided.
pub(crate) fn vet(destination: &Destination, host: &Host, peer: Peer) -> Result<(), Fault> {
    if let Err(refusal) = destination.addresses.verdict(peer.address, peer.how) {
        let subject = match host {
            Host::Literal(address) => format!("callbacks to {address} are refused"),
            Host::Name(name) => format!("{name} leads to an address callbacks are refused to"),
        };
        return Err(Fault::new(FailureKind::AddressForbidden, format!("{subject}: {}", refusal.reason)));
    }
    if let Some(networks) = &destination.allowed_ips
        && !networks.iter().any(|network| network.contains(&peer.address.to_canonical()))
    {
        let message =
            format!("{} leads to an address outside the IP whitelist of its authorized domain", host.text());
        return Err(Fault::new(FailureKind::AddressForbidden, message));
    }
    Ok(())
}

/// A public address may be this machine's own. Asked at every dial, since addresses come and go; where an operator opened
/// the network, the service may call itself.
fn refuse_own(destination: &Destination, host: &Host, address: IpAddr) -> Result<(), Fault> {
    if destination.addresses.opens(address) || !is_own(address) {
        return Ok(());
    }
    let message = format!("{} leads back to this service, which callbacks are refused to", host.text());
    Err(Fault::new(FailureKind::AddressForbidden, message))
}

/// Names of private networks are not even looked up: an answer could only be wrong, and asking tells the name server.
fn vet_name(destination: &Destination, host: &Host) -> Result<(), Fault> {
    let Host::Name(name) = host else { return Ok(()) };
    destination.addresses.name_verdict(name).map_err(|refusal| {
        let message = format!("callbacks to {name} are refused: {}", refusal.reason);
        Fault::new(FailureKind::AddressForbidden, message)
    })
}

impl GuardedConnector {
    pub(crate) fn new(settings: &EgressSettings, directory: Directory, dialer: Dialer) -> Self {
        Self { directory, dialer, connect_timeout: settings.connect_timeout }
    }

    /// The TXT records of a name.
    pub(crate) async fn txt(&self, name: &str) -> Result<Vec<String>, TxtFailure> {
        self.directory.txt(name).await
    }

    /// Resolves, judges, dials and shakes hands. `trip` is filled as far as it gets, also when this is cancelled.
    pub(crate) async fn connect(
        &self,
        destination: &Destination,
        target: &Target,
        trip: &mut Trip,
    ) -> Result<Connected, Fault> {
        vet_name(destination, &target.host)?;
        let (addresses, how) = self.addresses(&target.host, trip).await?;
        for &address in &addresses {
            vet(destination, &target.host, Peer { address, how })?;
            refuse_own(destination, &target.host, address)?;
        }
        let (stream, address) = self.dial(&addresses, target, trip).await?;
        let peer = Peer { address, how };
        match &target.tls {
            None => Ok(Connected { socket: Socket::plain(stream), peer, http2: false }),
            Some(tls) => self.shake_hands(&target.host.text(), tls, stream, peer, trip).await,
        }
    }

    async fn addresses(&self, host: &Host, trip: &mut Trip) -> Result<(Vec<IpAddr>, How), Fault> {
        match host {
            Host::Literal(address) => Ok((vec![*address], How::Literal)),
            Host::Name(name) => {
                let started = Instant::now();
                let found = self.directory.lookup(name).await;
                trip.timings.dns = Some(started.elapsed());
                Ok((found?, How::Resolved))
            }
        }
    }

    /// Tries the judged addresses in order, each with an even share of the time that is left. A proxy that cannot be used will
    /// not be asked for the next.
    async fn dial(
        &self,
        addresses: &[IpAddr],
        target: &Target,
        trip: &mut Trip,
    ) -> Result<(TcpStream, IpAddr), Fault> {
        let started = Instant::now();
        let tried = addresses.get(..ADDRESSES_TRIED).unwrap_or(addresses);
        let timed_out = || Fault::connecting(&target.host.text(), &io::ErrorKind::TimedOut.into());
        let mut last = None;
        for (index, &address) in tried.iter().enumerate() {
            let left = self.connect_timeout.saturating_sub(started.elapsed());
            let share = left / u32::try_from(tried.len() - index).unwrap_or(1);
            let reached = self.reach(target, address, share, &mut trip.stage);
            let reached = tokio::time::timeout(share, reached).await;
            trip.timings.connect = Some(started.elapsed());
            let fault = match reached {
                Ok(Ok(stream)) => {
                    // Requests are written whole; waiting to fill packets only adds latency.
                    let _ = stream.set_nodelay(true);
                    trip.stage = Stage::Connecting;
                    return Ok((stream, address));
                }
                Ok(Err(fault)) => fault,
                Err(_elapsed) => trip.stage.proxy_silent().unwrap_or_else(timed_out),
            };
            if fault.kind == FailureKind::Proxy {
                return Err(fault);
            }
            last = Some(fault);
        }
        Err(last.unwrap_or_else(timed_out))
    }

    /// Connects to a judged address: directly, or through the operator's proxy.
    async fn reach(
        &self,
        target: &Target,
        address: IpAddr,
        patience: Duration,
        stage: &mut Stage,
    ) -> Result<TcpStream, Fault> {
        let to = SocketAddr::new(address, target.port);
        let (directory, dialer, host) = (&self.directory, &self.dialer, &target.host);
        match &target.proxy {
            Some(proxy) => Tunnel { directory, dialer, proxy, host, to }.open(patience, stage).await,
            None => dialer.dial(to).await.map_err(|error| Fault::connecting(&host.text(), &error)),
        }
    }

    async fn shake_hands(
        &self,
        host: &str,
        tls: &TlsTarget,
        stream: TcpStream,
        peer: Peer,
        trip: &mut Trip,
    ) -> Result<Connected, Fault> {
        let started = Instant::now();
        let shaking = handshake(tls, host, stream);
        let shaken = tokio::time::timeout(self.connect_timeout, shaking).await;
        trip.timings.tls = Some(started.elapsed());
        let stream = shaken.unwrap_or_else(|_elapsed| {
            Err(Fault::new(FailureKind::Tls, format!("TLS with {host}: the handshake took too long")))
        })?;
        let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        Ok(Connected { socket: Socket::tls(stream), peer, http2 })
    }
}
