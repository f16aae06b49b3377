//! The way out, seen from inside: what is asked of the network and what may come back.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use callbacks_interfaces::callback_url::CallbackUrl;
use callbacks_interfaces::endpoint_auth::ClientCredentials;
use callbacks_interfaces::ids::ConfigurationId;
use callbacks_interfaces::tenant::TenantId;
use ipnet::IpNet;

use super::tls_identity::TlsIdentity;
use crate::gates::address_policy::AddressPolicy;

/// Sends one request and says what happened. Production dials sockets, tests follow a script.
pub trait Transport: Send + Sync + 'static {
    /// Sends `request` once, without redirects or retries, and resolves at the latest at its deadline.
    ///
    /// Whatever goes wrong is an [`Outcome`]; this never fails in any other way.
    fn send(&self, request: WireRequest) -> impl Future<Output = Outcome> + Send;

    /// The TXT records of a name, each with its parts joined; for proofs of control over a domain.
    ///
    /// # Errors
    /// [`TxtFailure`] when there are none, or they cannot be read.
    fn txt(&self, _name: &str) -> impl Future<Output = Result<Vec<String>, TxtFailure>> + Send {
        std::future::ready(Err(TxtFailure::NoRecord))
    }
}

/// Why the TXT records of a name were not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TxtFailure {
    /// The name does not exist, or has no such record.
    #[error("there is no TXT record")]
    NoRecord,
    /// No name server answered in time.
    #[error("no name server answered in time")]
    Timeout,
    /// The name servers answered with an error.
    #[error("the name servers answered with an error")]
    ServerFailure,
}

/// One HTTP request, complete and signed: the bytes here are the bytes on the wire.
#[derive(Debug, Clone)]
pub struct WireRequest {
    /// Where it goes, and which addresses may be dialled for it.
    pub destination: Destination,
    /// POST, PUT or PATCH; GET and OPTIONS for proofs of control over a domain.
    pub method: http::Method,
    /// Every header but those the connection itself owns (`Host`, `Content-Length`).
    pub headers: http::HeaderMap,
    /// The body, already signed.
    pub body: Bytes,
    /// Total time for DNS, connect, TLS, write and response together: one absolute deadline.
    pub timeout: Duration,
}

/// An endpoint together with whose it is and what it may resolve to.
#[derive(Debug, Clone)]
pub struct Destination {
    /// Whose delivery this is; connections are never shared between tenants.
    pub tenant: TenantId,
    /// Which of the tenant's endpoints this is.
    pub configuration: ConfigurationId,
    /// The canonical URL; nothing else is ever dialled.
    pub url: Arc<CallbackUrl>,
    /// Which addresses may be connected to.
    pub addresses: AddressPolicy,
    /// The authorized domain's own list of networks, when it has one; an address must satisfy both.
    pub allowed_ips: Option<Arc<[IpNet]>>,
    /// Certificates of the configuration's own; connections are never shared between identities.
    pub tls: Option<Arc<TlsIdentity>>,
    /// Where to get the access token every request needs; `None` when it needs none, or has a fixed one.
    pub token_source: Option<TokenSource>,
}

/// An authorization server, and what it may resolve to. It is dialled under the same rules as the endpoint.
#[derive(Debug, Clone)]
pub struct TokenSource {
    /// Where and with what to ask.
    pub credentials: Arc<ClientCredentials>,
    /// The token endpoint's authorized domain's own list of networks.
    pub allowed_ips: Option<Arc<[IpNet]>>,
}

/// What happened on the wire. What it means is the verdict's business.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// A status line arrived in time.
    Response(WireResponse),
    /// No status line arrived.
    Failure(WireFailure),
}

impl Outcome {
    /// How long each phase took.
    pub fn timings(&self) -> &PhaseTimings {
        match self {
            Outcome::Response(response) => &response.timings,
            Outcome::Failure(failure) => &failure.timings,
        }
    }
}

/// An answer whose status line arrived; its body may have been cut.
#[derive(Debug, Clone)]
pub struct WireResponse {
    /// The status code, 100..=999 as received.
    pub status: u16,
    /// The headers as received.
    pub headers: http::HeaderMap,
    /// At most 64 KiB of the body.
    pub body: Bytes,
    /// True when there was more body than was read, or reading it failed.
    pub truncated: bool,
    /// How long each phase took.
    pub timings: PhaseTimings,
}

/// A request that got no status line.
#[derive(Debug, Clone)]
pub struct WireFailure {
    /// What kind of failure it was.
    pub kind: FailureKind,
    /// Text for the tenant, at most 2,000 characters, without anything about our own network.
    pub message: String,
    /// How long each phase took, as far as it got.
    pub timings: PhaseTimings,
}

/// The kinds of failure that can keep a status line from arriving.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// An address the host stands for must not be dialled.
    AddressForbidden,
    /// The name did not resolve.
    Dns,
    /// No connection could be made.
    Connect,
    /// The TLS handshake failed or the certificate was not accepted.
    Tls,
    /// The deadline passed.
    Timeout,
    /// The connection broke after it had been made.
    Reset,
    /// What came back was not HTTP.
    InvalidResponse,
    /// The authorization server gave no access token, so the endpoint was not called.
    Credentials,
    /// The service's own outgoing proxy cannot be used, so the endpoint was not called.
    Proxy,
    /// The service's own outgoing proxy got through to nobody, and did not say whether the endpoint is the reason.
    Tunnel,
    /// Anything else.
    Other,
}

impl FailureKind {
    /// A short lower-case name, for metric labels and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            FailureKind::AddressForbidden => "address_forbidden",
            FailureKind::Dns => "dns",
            FailureKind::Connect => "connect",
            FailureKind::Tls => "tls",
            FailureKind::Timeout => "timeout",
            FailureKind::Reset => "reset",
            FailureKind::InvalidResponse => "invalid_response",
            FailureKind::Credentials => "credentials",
            FailureKind::Proxy => "proxy",
            FailureKind::Tunnel => "tunnel",
            FailureKind::Other => "other",
        }
    }
}

/// How long the phases of one request took. A phase that did not happen (a pooled connection, a literal
/// address, plain HTTP) is `None`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PhaseTimings {
    /// Resolving the name.
    pub dns: Option<Duration>,
    /// Connecting.
    pub connect: Option<Duration>,
    /// The TLS handshake.
    pub tls: Option<Duration>,
    /// From sending the request to the status line.
    pub first_byte: Option<Duration>,
    /// From start to end, whatever happened.
    pub total: Duration,
}
