//! Certificates and credentials of a configuration's own: mutual TLS, and access tokens of an authorization server.

mod support;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use callbacks_core::delivery::tls_identity::TlsIdentity;
use callbacks_core::delivery::transport::{FailureKind, Transport};
use callbacks_core::delivery::verdict::{Verdict, verdict};
use callbacks_core::gates::address_policy::AddressPolicy;
use callbacks_egress::{EgressSettings, HttpTransport};
use callbacks_interfaces::endpoint_auth::ClientAuthentication;
use callbacks_interfaces::tenant::TenantId;
use callbacks_testkit::certificates::CertificateAuthority;
use callbacks_testkit::webhook_receiver::{Answer, WebhookReceiver};
use futures::future::join_all;
use support::{expect_failure, identity, needing_token, request, response, token, transport_with};

const NAME: &str = "hooks.example.com";

fn way_out() -> HttpTransport {
    transport_with(EgressSettings::default(), |_| Ok(vec![IpAddr::from([127, 0, 0, 1])]))
}

#[tokio::test]
async fn an_authority_of_the_configurations_own_is_trusted_for_it_alone() {
    let authority = CertificateAuthority::new();
    let receiver = WebhookReceiver::start_tls(&authority.issue(&[NAME])).await;
    let transport = way_out();
    let url = receiver.url_at(NAME, "/");
    let mut trusting = request(&url);
    trusting.destination.tls = Some(identity(Some(&authority), None));
    assert_eq!(response(transport.send(trusting).await).status, 200);
    // The same endpoint of the same configuration, without it: the open connection of the other identity is not used.
    let failure = expect_failure(transport.send(request(&url)).await, FailureKind::Tls);
    assert!(failure.message.contains("not from a trusted authority"), "{}", failure.message);
    assert_eq!(receiver.count(), 1);
}

#[tokio::test]
async fn a_client_certificate_is_shown_where_one_is_asked_for() {
    let (server, clients) = (CertificateAuthority::new(), CertificateAuthority::new());
    for tls12 in [false, true] {
        let mut names = server.issue(&[NAME]).requiring_clients_of(&clients);
        if tls12 {
            names = names.tls12_only();
        }
        let receiver = WebhookReceiver::start_tls(&names).await;
        let url = receiver.url_at(NAME, "/");
        let transport = way_out();
        let with = |client| {
            let mut request = request(&url);
            request.destination.tls = Some(identity(Some(&server), client));
            request
        };
        let shown = transport.send(with(Some(clients.issue_client("shop")))).await;
        assert_eq!(response(shown).status, 200, "TLS 1.2 only: {tls12}");
        let none = expect_failure(transport.send(with(None)).await, FailureKind::Tls);
        assert!(none.message.contains("certificate"), "{}", none.message);
        let foreign = CertificateAuthority::new().issue_client("shop");
        expect_failure(transport.send(with(Some(foreign))).await, FailureKind::Tls);
        assert_eq!(receiver.count(), 1, "only the right certificate reaches the receiver");
    }
}

#[tokio::test]
async fn connections_are_kept_apart_by_identity_and_tenant() {
    let (server, clients) = (CertificateAuthority::new(), CertificateAuthority::new());
    let names = server.issue(&[NAME]).requiring_clients_of(&clients).http1_only();
    let receiver = WebhookReceiver::start_tls(&names).await;
    let transport = way_out();
    let one = identity(Some(&server), Some(clients.issue_client("one")));
    let two = identity(Some(&server), Some(clients.issue_client("two")));
    let as_tenant = |tenant: &str, tls: &Arc<TlsIdentity>| {
        let mut request = request(&receiver.url_at(NAME, "/"));
        request.destination.tenant = TenantId::try_from(tenant).expect("a tenant");
        request.destination.tls = Some(Arc::clone(tls));
        request
    };
    for request in [
        as_tenant("a", &one),
        as_tenant("a", &two),
        as_tenant("b", &one),
        as_tenant("a", &one),
        as_tenant("a", &two),
    ] {
        assert_eq!(response(transport.send(request).await).status, 200);
    }
    assert_eq!(receiver.connections(), 3);
}

#[tokio::test]
async fn a_token_is_fetched_once_and_kept() {
    let (server, receiver) = (WebhookReceiver::start().await, WebhookReceiver::start().await);
    server.answer_all(token("abc", 3600).after(Duration::from_millis(50)));
    let transport = Arc::new(way_out());
    let sends = (0..50).map(|_| {
        let request = needing_token(&receiver.url("/hook"), &server, ClientAuthentication::Header);
        let transport = Arc::clone(&transport);
        async move { transport.send(request).await }
    });
    for outcome in join_all(sends).await {
        assert_eq!(response(outcome).status, 200);
    }
    assert!(receiver.requests().iter().all(|request| request.headers["authorization"] == "Bearer abc"));
    let asked = server.requests();
    assert_eq!(asked.len(), 1, "one asks for all");
    assert_eq!(asked[0].headers["content-type"], "application/x-www-form-urlencoded");
    assert_eq!(&asked[0].body[..], b"grant_type=client_credentials&scope=hooks.write+other");
    // `shop+1:canary%3A%C3%A4`: id and secret are encoded before they are joined.
    assert_eq!(asked[0].headers["authorization"], "Basic c2hvcCsxOmNhbmFyeSUzQSVDMyVBNA==");
}

#[tokio::test]
async fn id_and_secret_may_stand_in_the_form() {
    let (server, receiver) = (WebhookReceiver::start().await, WebhookReceiver::start().await);
    server.answer_all(token("abc", 3600));
    let request = needing_token(&receiver.url("/"), &server, ClientAuthentication::Body);
    assert_eq!(response(way_out().send(request).await).status, 200);
    let asked = server.requests();
    let form = String::from_utf8(asked[0].body.to_vec()).expect("a form");
    assert!(form.ends_with("&client_id=shop+1&client_secret=canary%3A%C3%A4"), "{form}");
    assert!(!asked[0].headers.contains_key("authorization"));
}

#[tokio::test]
async fn an_expired_token_is_renewed() {
    let (server, receiver) = (WebhookReceiver::start().await, WebhookReceiver::start().await);
    server.answer_all(token("short", 1));
    let transport = way_out();
    let send = || transport.send(needing_token(&receiver.url("/"), &server, ClientAuthentication::Header));
    assert_eq!(response(send().await).status, 200);
    assert_eq!(response(send().await).status, 200);
    assert_eq!(server.count(), 1);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(response(send().await).status, 200);
    assert_eq!(server.count(), 2);
}

#[tokio::test]
async fn a_refused_token_is_renewed_once() {
    let (server, receiver) = (WebhookReceiver::start().await, WebhookReceiver::start().await);
    server.script("/token", [token("old", 3600), token("new", 3600)]);
    let transport = way_out();
    let send = || transport.send(needing_token(&receiver.url("/"), &server, ClientAuthentication::Header));
    assert_eq!(response(send().await).status, 200);
    receiver.script("/", [Answer::status(401), Answer::status(200)]);
    assert_eq!(response(send().await).status, 200, "a new token is accepted");
    let used: Vec<_> =
        receiver.requests().iter().map(|request| request.headers["authorization"].clone()).collect();
    assert_eq!(used, ["Bearer old", "Bearer old", "Bearer new"]);
    // A token that was fetched for this very request and is refused is the endpoint's answer.
    receiver.script("/", [Answer::status(401)]);
    assert_eq!(response(send().await).status, 401);
    assert_eq!((receiver.count(), server.count()), (5, 3));
}

#[tokio::test]
async fn without_a_token_the_endpoint_is_not_called_and_the_attempt_is_repeated() {
    let receiver = WebhookReceiver::start().await;
    let transport = way_out();
    let server = WebhookReceiver::start().await;
    server.answer_all(Answer::status(400).body(r#"{"error":"invalid_client","error_description":"canary"}"#));
    let outcome =
        transport.send(needing_token(&receiver.url("/"), &server, ClientAuthentication::Header)).await;
    assert!(matches!(verdict(&outcome), Verdict::Retry { .. }));
    let failure = expect_failure(outcome, FailureKind::Credentials);
    assert!(failure.message.contains("HTTP 400 (invalid_client)"), "{}", failure.message);
    assert!(!failure.message.contains("canary"), "{}", failure.message);
    // What waits meanwhile fails alike, without asking again.
    let again =
        transport.send(needing_token(&receiver.url("/"), &server, ClientAuthentication::Header)).await;
    expect_failure(again, FailureKind::Credentials);
    assert_eq!((server.count(), receiver.count()), (1, 0));
}

#[tokio::test]
async fn a_silent_authorization_server_is_named() {
    let (server, receiver) = (WebhookReceiver::start().await, WebhookReceiver::start().await);
    server.answer_all(Answer::never());
    let mut request = needing_token(&receiver.url("/"), &server, ClientAuthentication::Header);
    request.timeout = Duration::from_millis(300);
    let failure = expect_failure(way_out().send(request).await, FailureKind::Credentials);
    assert!(failure.message.contains("no access token from 127.0.0.1"), "{}", failure.message);
    assert_eq!(receiver.count(), 0);
}

#[tokio::test]
async fn the_token_endpoint_is_dialled_under_the_guard() {
    let (server, receiver) = (WebhookReceiver::start().await, WebhookReceiver::start().await);
    let mut request = needing_token("http://93.184.216.34/", &server, ClientAuthentication::Header);
    request.destination.addresses = AddressPolicy::default();
    let failure = expect_failure(way_out().send(request).await, FailureKind::Credentials);
    assert!(failure.message.contains("loopback"), "{}", failure.message);
    let mut narrowed = needing_token(&receiver.url("/"), &server, ClientAuthentication::Header);
    if let Some(source) = &mut narrowed.destination.token_source {
        source.allowed_ips = Some(vec!["203.0.113.0/24".parse().expect("a network")].into());
    }
    expect_failure(way_out().send(narrowed).await, FailureKind::Credentials);
    assert_eq!((server.connections(), receiver.connections()), (0, 0));
}
