//! What the tests of the way out share: requests, and what to expect of outcomes.

#![allow(dead_code, reason = "each test binary uses its own part of this module")]

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use callbacks_core::delivery::transport::{
    Destination, FailureKind, Outcome, WireFailure, WireRequest, WireResponse,
};
use callbacks_core::gates::address_policy::AddressPolicy;
use callbacks_egress::dns::{DnsFailure, NameResolver};
use callbacks_egress::{Dialer, EgressSettings, HttpTransport};
use callbacks_interfaces::callback_url::CallbackUrl;
use callbacks_interfaces::ids::ConfigurationId;
use callbacks_interfaces::tenant::TenantId;
use ipnet::IpNet;
use uuid::Uuid;

pub(crate) const TIMEOUT: Duration = Duration::from_secs(2);

/// Loopback opened, as in development.
pub(crate) fn loopback() -> AddressPolicy {
    let networks: Vec<IpNet> =
        ["127.0.0.0/8", "::1/128"].iter().map(|text| text.parse().expect("a network")).collect();
    AddressPolicy::allowing(networks)
}

/// A request to `url` that may go to loopback.
pub(crate) fn request(url: &str) -> WireRequest {
    let mut headers = http::HeaderMap::new();
    headers.insert("content-type", http::HeaderValue::from_static("application/json"));
    WireRequest {
        destination: Destination {
            tenant: TenantId::try_from("acme").expect("a tenant"),
            configuration: ConfigurationId::from(Uuid::from_u128(1)),
            url: Arc::new(CallbackUrl::try_from(url).expect("a callback URL")),
            addresses: loopback(),
            allowed_ips: None,
            tls: None,
            token_source: None,
        },
        method: http::Method::POST,
        headers,
        body: Bytes::from_static(br#"{"hello":"world"}"#),
        timeout: TIMEOUT,
    }
}

/// A transport for which every name is `addresses`.
pub(crate) fn transport_resolving(addresses: &[&str]) -> HttpTransport {
    let addresses: Vec<IpAddr> = addresses.iter().map(|text| text.parse().expect("an address")).collect();
    transport_with(EgressSettings::default(), move |_| Ok(addresses.clone()))
}

/// A transport with its own settings and names.
pub(crate) fn transport_with(
    settings: EgressSettings,
    lookup: impl Fn(&str) -> Result<Vec<IpAddr>, DnsFailure> + Send + Sync + 'static,
) -> HttpTransport {
    HttpTransport::with_network(settings, NameResolver::Scripted(Arc::new(lookup)), Dialer::System)
        .expect("the way out opens")
}

pub(crate) fn response(outcome: Outcome) -> WireResponse {
    match outcome {
        Outcome::Response(response) => response,
        Outcome::Failure(failure) => panic!("expected a response, got {failure:?}"),
    }
}

pub(crate) fn failure(outcome: Outcome) -> WireFailure {
    match outcome {
        Outcome::Failure(failure) => failure,
        Outcome::Response(response) => panic!("expected a failure, got {response:?}"),
    }
}

#[track_caller]
pub(crate) fn expect_failure(outcome: Outcome, kind: FailureKind) -> WireFailure {
    let failure = failure(outcome);
    assert_eq!(failure.kind, kind, "{failure:?}");
    failure
}
