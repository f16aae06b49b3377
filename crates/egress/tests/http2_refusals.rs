//! HTTP/2 servers that do not process a request: it is sent once more, and the attempt does not fail.

mod support;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use callbacks_core::delivery::transport::{FailureKind, Outcome, Transport, WireRequest};
use callbacks_egress::EgressSettings;
use callbacks_testkit::certificates::CertificateAuthority;
use h2::server::Connection;
use support::{expect_failure, request, response, transport_with};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

type Served = Connection<TlsStream<TcpStream>, Bytes>;

/// How the server treats its first connection; all others are served properly.
#[derive(Clone, Copy)]
enum First {
    RefusesTheStream,
    LeavesBeforeTheRequest,
    NeverAnswers,
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, first: First) {
    let mut behaviour = Some(first);
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, behaviour) = (acceptor.clone(), behaviour.take());
        tokio::spawn(async move {
            let stream = acceptor.accept(stream).await.expect("a TLS handshake");
            let connection = h2::server::handshake(stream).await.expect("an HTTP/2 handshake");
            answer(connection, behaviour).await;
        });
    }
}

async fn answer(mut connection: Served, first: Option<First>) {
    if let Some(First::LeavesBeforeTheRequest) = first {
        connection.abrupt_shutdown(h2::Reason::NO_ERROR);
    }
    let mut refuse = matches!(first, Some(First::RefusesTheStream));
    let mut kept = Vec::new();
    while let Some(Ok((_request, mut reply))) = connection.accept().await {
        if matches!(first, Some(First::NeverAnswers)) {
            kept.push(reply);
        } else if std::mem::take(&mut refuse) {
            reply.send_reset(h2::Reason::REFUSED_STREAM);
        } else {
            // The client may have gone; then there is nobody to tell.
            let _ = reply.send_response(http::Response::new(()), true);
        }
    }
}

async fn outcome(first: First, adjust: impl FnOnce(&mut WireRequest)) -> Outcome {
    let authority = CertificateAuthority::new();
    let acceptor = TlsAcceptor::from(Arc::clone(&authority.issue(&["hooks.example.com"]).config));
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let server = tokio::spawn(serve(listener, acceptor, first));
    let extra_ca_pem = Some(authority.pem().as_bytes().to_vec());
    let settings = EgressSettings { extra_ca_pem, ..EgressSettings::default() };
    let transport = transport_with(settings, |_| Ok(vec![IpAddr::from([127, 0, 0, 1])]));
    let mut request = request(&format!("https://hooks.example.com:{port}/hook"));
    adjust(&mut request);
    let outcome = transport.send(request).await;
    server.abort();
    outcome
}

#[tokio::test]
async fn a_refused_stream_is_sent_once_more() {
    assert_eq!(response(outcome(First::RefusesTheStream, |_| ()).await).status, 200);
}

#[tokio::test]
async fn a_server_that_leaves_before_the_request_is_asked_again() {
    assert_eq!(response(outcome(First::LeavesBeforeTheRequest, |_| ()).await).status, 200);
}

#[tokio::test]
async fn a_silent_stream_ends_at_the_deadline() {
    let silent = outcome(First::NeverAnswers, |request| request.timeout = Duration::from_millis(300)).await;
    expect_failure(silent, FailureKind::Timeout);
}
