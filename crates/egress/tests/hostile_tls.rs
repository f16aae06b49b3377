//! The catalogue's TLS servers: who cannot prove who they are gets no byte of HTTP, and the tenant is told what to mend.

mod support;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use callbacks_core::delivery::tls_identity::TlsIdentity;
use callbacks_core::delivery::transport::{FailureKind, Outcome, Transport, WireRequest};
use callbacks_core::delivery::verdict::{Verdict, verdict};
use callbacks_egress::{EgressSettings, HttpTransport};
use callbacks_interfaces::endpoint_tls::{ClientCertificate, EndpointTls};
use callbacks_interfaces::secret::SecretText;
use callbacks_testkit::certificates::{CertificateAuthority, ServerIdentity};
use callbacks_testkit::hostile_corpus::{Entry, Section, entries};
use callbacks_testkit::hostile_endpoint::HostileEndpoint;
use callbacks_testkit::hostile_tls;
use callbacks_testkit::odd_certificates::{RsaServer, WeakServer};
use callbacks_testkit::webhook_receiver::WebhookReceiver;
use support::{request, transport_with};

const NAME: &str = "hooks.example.com";

/// What was seen of a server.
struct Seen {
    outcome: Outcome,
    /// Requests that its HTTP half has read.
    requests: usize,
}

fn trusting(pem: &str) -> HttpTransport {
    let settings =
        EgressSettings { extra_ca_pem: Some(pem.as_bytes().to_vec()), ..EgressSettings::default() };
    transport_with(settings, |_| Ok(vec![IpAddr::from([127, 0, 0, 1])]))
}

async fn sent(transport: &HttpTransport, request: WireRequest) -> Outcome {
    let started = Instant::now();
    let outcome = transport.send(request).await;
    assert!(started.elapsed() < Duration::from_millis(2500), "took {:?}", started.elapsed());
    outcome
}

/// A server with this identity at `host`, and a client that trusts `authority`.
async fn served(authority: &str, identity: &ServerIdentity, host: &str, tls: Option<TlsIdentity>) -> Seen {
    let receiver = WebhookReceiver::start_tls(identity).await;
    let mut request = request(&receiver.url_at(host, "/hook"));
    request.destination.tls = tls.map(Arc::new);
    let outcome = sent(&trusting(authority), request).await;
    Seen { outcome, requests: receiver.count() }
}

/// A server that only says hello in an old version.
async fn old(version: [u8; 2]) -> Seen {
    let authority = CertificateAuthority::new();
    let endpoint = HostileEndpoint::start(move |stream| hostile_tls::says_hello_in(stream, version)).await;
    let url = endpoint.url("/hook").replace("http://127.0.0.1", &format!("https://{NAME}"));
    let outcome = sent(&trusting(authority.pem()), request(&url)).await;
    Seen { outcome, requests: 0 }
}

async fn weak(server: &WeakServer) -> Seen {
    served(server.authority_pem, &server.identity(), NAME, None).await
}

/// A server whose own key is short, and one whose authority's is. With a longer key the same server is sent the request.
async fn short_keys() -> Seen {
    let with_key = async |bits| {
        let server = RsaServer::start(bits).await;
        let url = format!("https://{NAME}:{}/hook", server.port());
        let outcome = sent(&trusting(RsaServer::AUTHORITY_PEM), request(&url)).await;
        (outcome, server.received().await)
    };
    assert!(with_key(2048).await.1 > 0, "a key of 2,048 bits is good enough");
    let issued = weak(&WeakServer::RSA1024).await;
    let refused = matches!(&issued.outcome, Outcome::Failure(failure) if failure.kind == FailureKind::Tls);
    assert!(refused && issued.requests == 0, "{:?}", issued.outcome);
    let (outcome, requests) = with_key(1024).await;
    Seen { outcome, requests }
}

/// A server that asks for a renegotiation as soon as the handshake is done, and answers nothing.
async fn renegotiating() -> Seen {
    let authority = CertificateAuthority::new();
    let identity = authority.issue(&[NAME]).http1_only().tls12_only().with_extractable_secrets();
    let config = Arc::clone(&identity.config);
    let endpoint =
        HostileEndpoint::start(move |stream| hostile_tls::renegotiates(stream, Arc::clone(&config))).await;
    let url = endpoint.url("/hook").replace("http://127.0.0.1", &format!("https://{NAME}"));
    let outcome = sent(&trusting(authority.pem()), request(&url)).await;
    Seen { outcome, requests: 0 }
}

fn client_certificate(clients: &CertificateAuthority) -> TlsIdentity {
    let client = clients.issue_client("shop");
    let key_pem = SecretText::of_at_most(client.key, 10_000).expect("a key");
    let client = ClientCertificate { certificate_pem: client.certificate, key_pem };
    TlsIdentity::prepare(&EndpointTls { ca_pem: None, client: Some(client) }).expect("they belong together")
}

async fn behaviour(entry: &Entry) -> Option<Seen> {
    let authority = CertificateAuthority::new();
    let clients = CertificateAuthority::new();
    let good = authority.issue(&[NAME]);
    let plain = |identity: ServerIdentity| {
        let pem = authority.pem().to_owned();
        async move { served(&pem, &identity, NAME, None).await }
    };
    Some(match entry.id.as_str() {
        "TL-003" => plain(authority.issue(&["other.example"])).await,
        "TL-004" => plain(authority.issue_with_common_name(NAME)).await,
        "TL-006" => plain(CertificateAuthority::new().issue(&[NAME])).await,
        "TL-008" => weak(&WeakServer::SHA1).await,
        "TL-009" => short_keys().await,
        "TL-011" => {
            served(authority.pem(), &authority.issue(&["*.example.com"]), "a.b.example.com", None).await
        }
        "TL-012" => served(authority.pem(), &good, "127.0.0.1", None).await,
        "TL-013" => plain(authority.issue_through_one_only_for("other.example", &[NAME])).await,
        "TL-014" => plain(authority.issue_for_clients_only(&[NAME])).await,
        "TL-015" => old([3, 2]).await,
        "TL-016" => old([3, 1]).await,
        "TL-019" => plain(good.tls12_only()).await,
        "TL-020" => plain(good.tls13_only()).await,
        "TL-024" => plain(good.requiring_clients_of(&clients)).await,
        "TL-025" => {
            let identity = good.requiring_clients_of(&clients);
            served(authority.pem(), &identity, NAME, Some(client_certificate(&clients))).await
        }
        "TL-027" => plain(good.selecting_by_name(NAME)).await,
        "TL-029" => renegotiating().await,
        _ => return None,
    })
}

fn result(entry: &Entry, seen: &Seen) -> String {
    let judged = verdict(&seen.outcome);
    match (entry.verdict(), &seen.outcome, &judged) {
        ("success", Outcome::Response(answer), Verdict::Delivered) => {
            assert_eq!((answer.status, seen.requests), (200, 1), "{}", entry.id);
            "delivered".to_owned()
        }
        ("fail_retry", Outcome::Failure(failure), Verdict::Retry { .. }) => {
            let kinds: &[FailureKind] = match entry.reason() {
                // Whether the connection or the patience ends first is the server's choice.
                "tls_handshake" => &[FailureKind::Tls, FailureKind::Reset, FailureKind::Timeout],
                _ => &[FailureKind::Tls],
            };
            assert!(kinds.contains(&failure.kind), "{}: {failure:?}", entry.id);
            assert_eq!(seen.requests, 0, "{}: HTTP was read", entry.id);
            match entry.reason() {
                "tls_handshake" => "retried: no answer came".to_owned(),
                _ => format!("retried: {}", failure.message),
            }
        }
        (expected, ..) => panic!("{}: {expected}, and yet {:?}", entry.id, seen.outcome),
    }
}

/// What a tenant reads for the entry's reason.
fn check_words(entry: &Entry, result: &str) {
    let words = match (entry.reason(), entry.id.as_str()) {
        ("tls_version", _) => "older than TLS 1.2",
        ("tls_client_cert_required", _) => "asks for a client certificate",
        (_, "TL-003" | "TL-004" | "TL-011" | "TL-012") => "for another name",
        (_, "TL-006") => "not from a trusted authority",
        (_, "TL-014") => "not meant for servers",
        ("tls_certificate", _) => "certificate is not acceptable",
        _ => return,
    };
    assert!(result.contains(words), "{}: {result} lacks {words}", entry.id);
}

#[tokio::test]
async fn every_server_is_verified_or_refused() {
    let mut section = Section::new("tls", file!());
    let mut elsewhere = Vec::new();
    for entry in entries("tls") {
        let Some(seen) = behaviour(&entry).await else {
            elsewhere.push(entry.id);
            continue;
        };
        let result = result(&entry, &seen);
        check_words(&entry, &result);
        section.record(&entry, &result);
    }
    // A setting of the API.
    assert_eq!(elsewhere, ["TL-030"]);
    section.finish();
}
