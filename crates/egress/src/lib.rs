//! The only way out: the one place that connects to an address a tenant chose.
//!
//! The dispatcher hands a signed request to [`http_transport::HttpTransport`]. It looks for an idle connection of that very
//! endpoint in `connection_pool`; without one, `guarded_connector` resolves the name (`dns`), has *every* answer judged by
//! the core's address policy, dials exactly an address that was judged, and lets `tls` prove who answered. `line` speaks
//! HTTP over the connection, `response_capture` reads the answer up to its limits, and `fault` words what went wrong for
//! the tenant to read.
//!
//! Where the operator named a proxy (`proxy`), the address that was judged is dialled through it (`proxy_tunnel`); its failures
//! (`connect_answer`, `proxy_trouble`) are told apart from the endpoint's.
//!
//! Deliberately absent: redirects, proxies nobody configured, decompression, cookies, retries (except once, when a
//! kept-alive connection turns out to be dead before a single byte came back), and any switch that turns TLS verification off.

// What panics stops more than the work it was given; tests may.
#![cfg_attr(not(test), warn(clippy::expect_used, clippy::panic, clippy::unreachable))]
#![cfg_attr(not(test), warn(clippy::indexing_slicing, clippy::string_slice))]

mod access_tokens;
mod connect_answer;
mod connection_pool;
pub mod dialer;
pub mod dns;
mod fault;
mod guarded_connector;
pub mod http_transport;
mod line;
pub mod metric_names;
mod own_address;
pub mod proxy;
mod proxy_trouble;
mod proxy_tunnel;
mod response_capture;
pub mod settings;
mod socket;
mod tls;
mod trip;

pub use dialer::Dialer;
pub use dns::NameResolver;
pub use http_transport::HttpTransport;
pub use settings::{EgressError, EgressSettings};
