//! What tunes the way out.

use std::net::SocketAddr;
use std::time::Duration;

use crate::proxy::Proxies;

/// Limits and times of outgoing connections. The deadline of one request is not here: it comes with the request.
#[derive(Debug, Clone)]
pub struct EgressSettings {
    /// Longest time for the TCP connection over all addresses of the host, and again for the TLS handshake. Default 10 s.
    pub connect_timeout: Duration,
    /// Longest time for one name lookup. Default 5 s.
    pub dns_timeout: Duration,
    /// Name servers that are asked instead of the system's, whose hosts file then does not count either. Default none.
    pub name_servers: Vec<SocketAddr>,
    /// Bytes of a response body that are read; the rest is cut and its connection dropped. Default 64 KiB.
    pub max_response_body: usize,
    /// Bytes of a response head, informational (1xx) heads included. Default 32 KiB. The number of headers is capped at 100.
    pub max_response_head: usize,
    /// An idle connection is closed after this time, and an endpoint without connections forgotten. Default 30 s.
    pub pool_idle_timeout: Duration,
    /// No connection is used beyond this age, so that a changed DNS record is noticed on busy endpoints too. Default 5 min.
    pub max_connection_age: Duration,
    /// Idle HTTP/1 connections kept for one endpoint. Default 256.
    pub max_idle_per_host: usize,
    /// Idle HTTP/1 connections kept in all; beyond it a connection is closed after its response. Default 4,096, which is
    /// about 80 MiB of buffers when all of them are in use.
    pub max_idle_total: usize,
    /// Certificates (PEM, one or several) trusted in addition to the system's roots; for private certificate authorities.
    pub extra_ca_pem: Option<Vec<u8>>,
    /// Proxies connections are made through. Default none.
    pub proxies: Proxies,
}

impl Default for EgressSettings {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            dns_timeout: Duration::from_secs(5),
            name_servers: Vec::new(),
            max_response_body: 64 * 1024,
            max_response_head: 32 * 1024,
            pool_idle_timeout: Duration::from_secs(30),
            max_connection_age: Duration::from_secs(300),
            max_idle_per_host: 256,
            max_idle_total: 4096,
            extra_ca_pem: None,
            proxies: Proxies::default(),
        }
    }
}

/// Why the way out cannot be opened at start.
#[derive(Debug, thiserror::Error)]
pub enum EgressError {
    /// The extra certificates are not PEM, or one of them is not a certificate.
    #[error("egress extra CA certificates cannot be read: {0}. Give one or more PEM certificates")]
    ExtraCa(String),
    /// The TLS library refused its configuration.
    #[error("TLS for callbacks cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
    /// The resolver could not be built.
    #[error("the name resolver cannot be set up: {0}")]
    Resolver(String),
}
