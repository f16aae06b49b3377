//! What the tests of the way out share: requests, and what to expect of outcomes.

#![allow(dead_code, reason = "each test binary uses its own part of this module")]

pub(crate) mod memory;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use callbacks_core::delivery::tls_identity::TlsIdentity;
use callbacks_core::delivery::transport::{
    Destination, FailureKind, Outcome, TokenSource, WireFailure, WireRequest, WireResponse,
};
use callbacks_core::gates::address_policy::AddressPolicy;
use callbacks_egress::dns::{DnsFailure, NameResolver};
use callbacks_egress::{Dialer, EgressSettings, HttpTransport};
use callbacks_interfaces::callback_url::CallbackUrl;
use callbacks_interfaces::endpoint_auth::{ClientAuthentication, ClientCredentials};
use callbacks_interfaces::endpoint_tls::{ClientCertificate, EndpointTls};
use callbacks_interfaces::ids::ConfigurationId;
use callbacks_interfaces::secret::SecretText;
use callbacks_interfaces::tenant::TenantId;
use callbacks_testkit::certificates::{CertificateAuthority, ClientPem};
use callbacks_testkit::webhook_receiver::{Answer, WebhookReceiver};
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

/// The certificates of a configuration's own.
pub(crate) fn identity(
    authority: Option<&CertificateAuthority>,
    client: Option<ClientPem>,
) -> Arc<TlsIdentity> {
    let tls = EndpointTls {
        ca_pem: authority.map(|authority| authority.pem().to_owned()),
        client: client.map(|client| ClientCertificate {
            certificate_pem: client.certificate,
            key_pem: secret(client.key),
        }),
    };
    Arc::new(TlsIdentity::prepare(&tls).expect("they belong together"))
}

pub(crate) fn secret(text: impl Into<String>) -> SecretText {
    SecretText::of_at_most(text.into(), 10_000).expect("a secret")
}

/// A request that needs a token of `server`.
pub(crate) fn needing_token(url: &str, server: &WebhookReceiver, how: ClientAuthentication) -> WireRequest {
    let credentials = ClientCredentials {
        token_url: CallbackUrl::try_from(server.url("/token").as_str()).expect("a URL"),
        client_id: "shop 1".to_owned(),
        client_secret: secret("canary:ä"),
        scope: Some("hooks.write other".to_owned()),
        audience: None,
        client_authentication: how,
    };
    let mut request = request(url);
    request.destination.token_source =
        Some(TokenSource { credentials: Arc::new(credentials), allowed_ips: None });
    request
}

pub(crate) fn token(text: &str, seconds: u64) -> Answer {
    Answer::status(200)
        .header("content-type", "application/json")
        .body(format!(r#"{{"access_token":"{text}","token_type":"Bearer","expires_in":{seconds}}}"#))
}
