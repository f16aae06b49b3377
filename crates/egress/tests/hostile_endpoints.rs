//! Endpoints that misbehave: the request ends in time, the body is cut, and the status line decides.

mod support;

use std::future::Future;
use std::io;
use std::time::{Duration, Instant};

use bytes::Bytes;
use callbacks_core::delivery::transport::{FailureKind, Outcome, Transport};
use callbacks_testkit::hostile_endpoint::{self as hostile, HostileEndpoint};
use support::{expect_failure, request, response, transport_resolving};
use tokio::net::TcpStream;

/// The timeout of every request here, and how much later it may end at most.
const PATIENCE: Duration = Duration::from_millis(700);
const GRACE: Duration = Duration::from_millis(500);
const BODY_LIMIT: usize = 64 * 1024;

async fn outcome_of<B, F>(behaviour: B) -> Outcome
where
    B: Fn(TcpStream) -> F + Send + 'static,
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    let endpoint = HostileEndpoint::start(behaviour).await;
    let transport = transport_resolving(&["127.0.0.1"]);
    let mut request = request(&endpoint.url("/hook"));
    request.timeout = PATIENCE;
    let started = Instant::now();
    let outcome = transport.send(request).await;
    assert!(started.elapsed() < PATIENCE + GRACE, "took {:?}", started.elapsed());
    assert!(outcome.timings().total <= started.elapsed());
    outcome
}

#[tokio::test]
async fn silence_ends_at_the_deadline() {
    expect_failure(outcome_of(hostile::never_answers).await, FailureKind::Timeout);
    expect_failure(outcome_of(hostile::drips_head).await, FailureKind::Timeout);
    expect_failure(outcome_of(hostile::informational_drip).await, FailureKind::Timeout);
    expect_failure(outcome_of(hostile::status_line_only).await, FailureKind::Timeout);
}

#[tokio::test]
async fn writing_is_under_the_deadline_too() {
    let endpoint = HostileEndpoint::start(hostile::never_reads).await;
    let mut request = request(&endpoint.url("/hook"));
    request.timeout = PATIENCE;
    request.body = Bytes::from(vec![b'x'; 32 * 1024 * 1024]);
    let started = Instant::now();
    expect_failure(transport_resolving(&[]).send(request).await, FailureKind::Timeout);
    assert!(started.elapsed() < PATIENCE + GRACE);
}

#[tokio::test]
async fn broken_connections_are_resets() {
    expect_failure(outcome_of(hostile::closes_at_once).await, FailureKind::Reset);
    expect_failure(outcome_of(hostile::resets_at_once).await, FailureKind::Reset);
    expect_failure(outcome_of(hostile::resets_after_request).await, FailureKind::Reset);
    expect_failure(outcome_of(hostile::closes_after_request).await, FailureKind::Reset);
}

#[tokio::test]
async fn answers_that_are_not_http_are_invalid() {
    expect_failure(outcome_of(hostile::garbage).await, FailureKind::InvalidResponse);
    expect_failure(outcome_of(hostile::bare_text).await, FailureKind::InvalidResponse);
    expect_failure(outcome_of(hostile::huge_head).await, FailureKind::InvalidResponse);
    expect_failure(outcome_of(hostile::many_headers).await, FailureKind::InvalidResponse);
    expect_failure(outcome_of(hostile::informational_flood).await, FailureKind::InvalidResponse);
    expect_failure(outcome_of(hostile::two_lengths).await, FailureKind::InvalidResponse);
    expect_failure(outcome_of(hostile::nul_in_header).await, FailureKind::InvalidResponse);
}

#[tokio::test]
async fn the_status_line_decides_whatever_the_body_does() {
    let cut = response(outcome_of(hostile::infinite_body).await);
    assert_eq!((cut.status, cut.truncated, cut.body.len()), (200, true, BODY_LIMIT));
    let cut = response(outcome_of(hostile::infinite_error_body).await);
    assert_eq!((cut.status, cut.truncated, cut.body.len()), (500, true, BODY_LIMIT));
    let dripped = response(outcome_of(hostile::drips_body).await);
    assert!(dripped.status == 200 && dripped.truncated && !dripped.body.is_empty(), "{dripped:?}");
    let promised = response(outcome_of(hostile::huge_promise).await);
    assert_eq!((promised.status, promised.truncated, promised.body.len()), (200, true, 1024));
    let closed = response(outcome_of(hostile::closes_mid_body).await);
    assert_eq!((closed.status, closed.truncated, closed.body.len()), (200, true, 50));
    let more = response(outcome_of(hostile::says_more_than_announced).await);
    assert_eq!((more.status, more.truncated, more.body.len()), (200, false, 5));
    let old = response(outcome_of(hostile::http10_until_close).await);
    assert_eq!((old.status, old.truncated, &old.body[..]), (200, false, &b"that was it"[..]));
    let odd = response(outcome_of(hostile::obs_text_in_header).await);
    assert_eq!(odd.headers["x-odd"].as_bytes(), b"caf\xe9\xff");
}

#[tokio::test]
async fn an_answer_nobody_asked_for_is_never_read_by_the_next_request() {
    let endpoint = HostileEndpoint::start(hostile::answers_twice).await;
    let transport = transport_resolving(&[]);
    for _ in 0..5 {
        assert_eq!(response(transport.send(request(&endpoint.url("/"))).await).status, 200);
    }
    assert_eq!(endpoint.connections(), 5);
}

#[tokio::test]
async fn a_refused_connection_says_what_to_do() {
    let endpoint = HostileEndpoint::start(hostile::never_answers).await;
    let url = endpoint.url("/");
    drop(endpoint);
    tokio::time::sleep(Duration::from_millis(50)).await;
    let failure = expect_failure(transport_resolving(&[]).send(request(&url)).await, FailureKind::Connect);
    assert!(failure.message.contains("refused the connection"), "{}", failure.message);
}
