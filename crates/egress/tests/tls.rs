//! TLS: who cannot prove who they are gets no byte of HTTP, and the tenant is told what to mend.

mod support;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use callbacks_core::delivery::transport::{FailureKind, Transport};
use callbacks_egress::{Dialer, EgressError, EgressSettings, HttpTransport, NameResolver};
use callbacks_testkit::certificates::{CertificateAuthority, ServerIdentity, self_signed};
use callbacks_testkit::webhook_receiver::{Answer, WebhookReceiver};
use futures::future::join_all;
use support::{expect_failure, request, response, transport_with};

const NAME: &str = "hooks.example.com";

fn trusting(authority: &CertificateAuthority) -> HttpTransport {
    let extra_ca_pem = Some(authority.pem().as_bytes().to_vec());
    let settings = EgressSettings { extra_ca_pem, ..EgressSettings::default() };
    transport_with(settings, |_| Ok(vec![IpAddr::from([127, 0, 0, 1])]))
}

#[tokio::test]
async fn http2_is_agreed_on_and_one_connection_carries_all() {
    let authority = CertificateAuthority::new();
    let receiver = WebhookReceiver::start_tls(&authority.issue(&[NAME])).await;
    receiver.answer_all(Answer::status(200).body("thanks").after(Duration::from_millis(20)));
    let transport = Arc::new(trusting(&authority));
    let sends = (0..100).map(|_| {
        let (transport, request) = (Arc::clone(&transport), request(&receiver.url_at(NAME, "/hook?x=1")));
        async move { transport.send(request).await }
    });
    for outcome in join_all(sends).await {
        let answer = response(outcome);
        assert_eq!((answer.status, &answer.body[..]), (200, &b"thanks"[..]));
    }
    assert_eq!(receiver.connections(), 1);
    let seen = receiver.requests();
    assert_eq!(seen.len(), 100);
    assert_eq!(seen[0].version, http::Version::HTTP_2);
    assert_eq!(seen[0].path, "/hook?x=1");
    assert_eq!(seen[0].host, format!("{NAME}:{}", receiver.address().port()));
}

#[tokio::test]
async fn http1_over_tls_reuses_its_connection() {
    let authority = CertificateAuthority::new();
    let receiver = WebhookReceiver::start_tls(&authority.issue(&[NAME]).http1_only()).await;
    let transport = trusting(&authority);
    for turn in 0..3 {
        let answer = response(transport.send(request(&receiver.url_at(NAME, "/"))).await);
        assert_eq!(answer.timings.tls.is_some(), turn == 0);
    }
    assert_eq!(receiver.connections(), 1);
    assert_eq!(receiver.requests()[0].version, http::Version::HTTP_11);
}

#[tokio::test]
async fn an_address_must_be_in_the_certificate_too() {
    let authority = CertificateAuthority::new();
    let named = WebhookReceiver::start_tls(&authority.issue(&[NAME])).await;
    let numbered = WebhookReceiver::start_tls(&authority.issue(&["127.0.0.1"])).await;
    let transport = trusting(&authority);
    expect_failure(transport.send(request(&named.url("/"))).await, FailureKind::Tls);
    assert_eq!(response(transport.send(request(&numbered.url("/"))).await).status, 200);
}

#[tokio::test]
async fn unproven_servers_get_nothing_and_the_tenant_learns_why() {
    let authority = CertificateAuthority::new();
    let cases: [(ServerIdentity, &str); 5] = [
        (authority.issue(&["other.example.com"]), "another name"),
        (authority.issue_expired(&[NAME]), "certificate expired"),
        (authority.issue_not_yet_valid(&[NAME]), "not valid yet"),
        (self_signed(&[NAME]), "not from a trusted authority"),
        (CertificateAuthority::new().issue(&[NAME]), "not from a trusted authority"),
    ];
    let transport = trusting(&authority);
    for (identity, text) in cases {
        let receiver = WebhookReceiver::start_tls(&identity).await;
        let failure =
            expect_failure(transport.send(request(&receiver.url_at(NAME, "/"))).await, FailureKind::Tls);
        assert!(failure.message.contains(text), "{} lacks {text}", failure.message);
        assert!(failure.timings.tls.is_some());
        assert_eq!(receiver.count(), 0);
    }
}

#[tokio::test]
async fn a_port_without_tls_is_named_as_such() {
    let authority = CertificateAuthority::new();
    let receiver = WebhookReceiver::start().await;
    let url = receiver.url_at(NAME, "/").replace("http://", "https://");
    let failure = expect_failure(trusting(&authority).send(request(&url)).await, FailureKind::Tls);
    assert!(failure.message.contains("TLS with hooks.example.com"), "{}", failure.message);
    assert_eq!(receiver.count(), 0);
}

#[tokio::test]
async fn bad_extra_certificates_stop_the_start() {
    let pem = "-----BEGIN CERTIFICATE-----\nbm90IGEgY2VydGlmaWNhdGU=\n-----END CERTIFICATE-----\n";
    let settings = EgressSettings { extra_ca_pem: Some(pem.into()), ..EgressSettings::default() };
    let opened = HttpTransport::with_network(
        settings,
        NameResolver::Scripted(Arc::new(|_| Ok(Vec::new()))),
        Dialer::System,
    );
    assert!(matches!(opened.err(), Some(EgressError::ExtraCa(_))));
}

#[tokio::test]
async fn a_restarted_http2_server_costs_no_attempt() {
    let authority = CertificateAuthority::new();
    let identity = authority.issue(&[NAME]);
    let transport = trusting(&authority);
    let receiver = WebhookReceiver::start_tls(&identity).await;
    let url = receiver.url_at(NAME, "/");
    assert_eq!(response(transport.send(request(&url)).await).status, 200);
    let address = receiver.address();
    drop(receiver);
    tokio::time::sleep(Duration::from_millis(50)).await;
    let successor = WebhookReceiver::start_tls_at(address, &identity).await;
    assert_eq!(response(transport.send(request(&url)).await).status, 200);
    assert_eq!(successor.count(), 1);
}
