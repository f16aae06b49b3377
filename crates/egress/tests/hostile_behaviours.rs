//! The catalogue's endpoints: each request ends in time, costs no attempt too many, and says what was wrong.

mod support;

use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use callbacks_core::delivery::retry_after::retry_after;
use callbacks_core::delivery::transport::{FailureKind, Outcome, Transport, WireRequest};
use callbacks_core::delivery::verdict::{Verdict, call_result, verdict};
use callbacks_core::gates::circuit_breaker::{BreakerState, CircuitBreaker};
use callbacks_egress::EgressSettings;
use callbacks_interfaces::circuit_breaker_policy::CircuitBreakerPolicy;
use callbacks_testkit::certificates::CertificateAuthority;
use callbacks_testkit::hostile_corpus::{Entry, Section, entries};
use callbacks_testkit::hostile_endpoint::{self as raw, HostileEndpoint, NeverAccepts};
use callbacks_testkit::hostile_http2::{self as h2, Encrypted, HostileHttp2};
use callbacks_testkit::webhook_receiver::{Answer, WebhookReceiver};
use support::{request, response, transport_resolving, transport_with};
use tokio::net::TcpStream;

const NAME: &str = "hooks.example.com";
/// The timeout the catalogue assumes, shortened where nothing but the waiting depends on it.
const PATIENCE: Duration = Duration::from_millis(800);
const BODY_LIMIT: usize = 64 * 1024;

/// What was seen of an endpoint.
struct Seen {
    outcome: Outcome,
    connections: u64,
}

async fn sent(transport: &impl Transport, mut request: WireRequest) -> Outcome {
    request.timeout = PATIENCE;
    let started = Instant::now();
    let outcome = transport.send(request).await;
    let limit = PATIENCE + Duration::from_millis(500);
    assert!(started.elapsed() < limit, "took {:?}", started.elapsed());
    outcome
}

async fn over_tcp<B, F>(behaviour: B, body: usize) -> Seen
where
    B: Fn(TcpStream) -> F + Send + 'static,
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    let endpoint = HostileEndpoint::start(behaviour).await;
    let mut request = request(&endpoint.url("/hook"));
    request.body = Bytes::from(vec![b'x'; body]);
    let outcome = sent(&transport_resolving(&[]), request).await;
    Seen { outcome, connections: endpoint.connections() }
}

async fn over_http2<B, F>(behaviour: B) -> Seen
where
    B: Fn(Encrypted, u64) -> F + Clone + Send + 'static,
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    let authority = CertificateAuthority::new();
    let endpoint = HostileHttp2::start(&authority.issue(&[NAME]), behaviour).await;
    let extra_ca_pem = Some(authority.pem().as_bytes().to_vec());
    let settings = EgressSettings { extra_ca_pem, ..EgressSettings::default() };
    let transport = transport_with(settings, |_| Ok(vec![IpAddr::from([127, 0, 0, 1])]));
    let outcome = sent(&transport, request(&endpoint.url_at(NAME, "/hook"))).await;
    Seen { outcome, connections: endpoint.connections() }
}

async fn answering(answer: Answer) -> Seen {
    let receiver = WebhookReceiver::start().await;
    receiver.answer_all(answer);
    let outcome = sent(&transport_resolving(&[]), request(&receiver.url("/hook"))).await;
    Seen { outcome, connections: receiver.connections() }
}

/// Two requests, so that a connection is reused; the second outcome counts.
async fn twice<B, F>(behaviour: B) -> Seen
where
    B: Fn(TcpStream) -> F + Send + 'static,
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    let endpoint = HostileEndpoint::start(behaviour).await;
    let transport = transport_resolving(&[]);
    let first = sent(&transport, request(&endpoint.url("/hook"))).await;
    assert_eq!(response(first).status, 200);
    let outcome = sent(&transport, request(&endpoint.url("/hook"))).await;
    Seen { outcome, connections: endpoint.connections() }
}

async fn never_accepting() -> Seen {
    let endpoint = NeverAccepts::start().await;
    let settings = EgressSettings { connect_timeout: PATIENCE / 2, ..EgressSettings::default() };
    let transport = transport_with(settings, |_| Ok(Vec::new()));
    let outcome = sent(&transport, request(&endpoint.url("/hook"))).await;
    Seen { outcome, connections: 0 }
}

/// Statuses that are all to be judged like the first of them.
async fn each_status(statuses: &[u16]) -> Seen {
    let mut seen = None;
    for status in statuses {
        let one = answering(Answer::status(*status)).await;
        let expected = seen.get_or_insert_with(|| verdict(&one.outcome)).clone();
        assert_eq!(
            std::mem::discriminant(&verdict(&one.outcome)),
            std::mem::discriminant(&expected),
            "status {status}"
        );
    }
    answering(Answer::status(statuses[0])).await
}

async fn behaviour(entry: &Entry) -> Option<Seen> {
    let retry = |status, value: &str| answering(Answer::status(status).header("retry-after", value));
    Some(match entry.id.as_str() {
        "EB-002" => never_accepting().await,
        "EB-004" => over_tcp(raw::resets_at_once, 10).await,
        "EB-006" => over_tcp(raw::resets_mid_request, 8 << 20).await,
        "EB-007" => over_tcp(raw::drips_head, 10).await,
        "EB-008" => over_tcp(raw::drips_body, 10).await,
        "EB-010" => over_tcp(raw::infinite_error_body, 10).await,
        "EB-011" => over_tcp(raw::huge_promise, 10).await,
        "EB-012" => over_tcp(raw::closes_mid_body, 10).await,
        "EB-013" => over_tcp(raw::says_more_than_announced, 10).await,
        "EB-015" => over_tcp(|stream| raw::compressed(stream, "br", vec![0x81; 100_000]), 10).await,
        "EB-016" => {
            over_tcp(|stream| raw::compressed(stream, "gzip", b"\x1f\x8b\x08 cut".to_vec()), 10).await
        }
        "EB-017" => over_tcp(raw::many_headers, 10).await,
        "EB-019" => over_tcp(raw::obs_text_in_header, 10).await,
        "EB-020" => over_tcp(raw::nul_in_header, 10).await,
        "EB-023" => over_tcp(raw::bare_text, 10).await,
        "EB-024" => over_tcp(raw::http10_until_close, 10).await,
        "EB-029" => over_tcp(raw::two_lengths, 10).await,
        "EB-032" => over_tcp(raw::informational_crowd, 10).await,
        "EB-033" => over_tcp(raw::informational_drip, 10).await,
        "EB-036" => twice(raw::answers_twice).await,
        "EB-037" => twice(raw::closes_on_reuse).await,
        "EB-038" => each_status(&[401, 403, 404, 400, 422]).await,
        "EB-039" => answering(Answer::status(408)).await,
        "EB-042" => retry(429, "2").await,
        "EB-043" => retry(429, "999999999").await,
        "EB-044" => retry(503, "Wed, 21 Oct 2015 07:28:00 GMT").await,
        "EB-046" => retry(429, &"(".repeat(8000)).await,
        "EB-047" => each_status(&[204, 201, 202, 299]).await,
        "EB-051" => over_tcp(raw::reads_slowly, 8 << 20).await,
        "EB-052" => over_http2(h2::leaves_before_the_request).await,
        "EB-053" => over_http2(h2::leaves_mid_stream).await,
        "EB-054" => over_http2(h2::refuses_the_first_stream).await,
        "EB-056" => over_http2(h2::permits_no_streams).await,
        "EB-057" => over_http2(h2::keeps_its_window_shut).await,
        "EB-060" => slow_tail().await,
        _ => return None,
    })
}

/// A breaker with the usual policy sees a receiver of which every twentieth answer takes 30 s, and stays closed.
async fn slow_tail() -> Seen {
    let seen = answering(Answer::status(200)).await;
    let policy = CircuitBreakerPolicy::default();
    let mut breaker = CircuitBreaker::new(&policy);
    let now = Instant::now();
    for call in 0..1000 {
        let took = if call % 20 == 0 { Duration::from_secs(30) } else { Duration::from_millis(50) };
        breaker.acquire(now);
        breaker.record(now, call_result(&seen.outcome, &policy), took);
        assert_eq!(breaker.state(now), BreakerState::Closed, "after call {call}");
    }
    seen
}

/// What the entry's reason means in this service's terms.
fn check(entry: &Entry, seen: &Seen) {
    let failure = |kind: FailureKind| match &seen.outcome {
        Outcome::Failure(failure) => assert_eq!(failure.kind, kind, "{}: {failure:?}", entry.id),
        other => panic!("{}: {other:?}", entry.id),
    };
    let answered = || response(seen.outcome.clone());
    let wait =
        || retry_after(&answered().headers, time::OffsetDateTime::UNIX_EPOCH + time::Duration::days(20_000));
    match entry.reason() {
        "connect_timeout" => failure(FailureKind::Connect),
        "connection_reset" | "h2_goaway" => failure(FailureKind::Reset),
        // The first stream may be on its way before the server says that it permits none; then it is refused at once.
        "timeout" if entry.id == "EB-056" => {
            let kind = support::failure(seen.outcome.clone()).kind;
            assert!(matches!(kind, FailureKind::Timeout | FailureKind::Reset), "{kind:?}");
        }
        "timeout" => failure(FailureKind::Timeout),
        "invalid_http_response" => failure(FailureKind::InvalidResponse),
        "response_body_truncated" => assert!(answered().truncated && answered().body.len() <= BODY_LIMIT),
        "transparent_retry_once" => assert!((1..=2).contains(&seen.connections), "{}", entry.id),
        "stored_raw" => assert!(!answered().body.is_empty() && answered().body.len() <= BODY_LIMIT),
        "stored_lossy" => assert_eq!(answered().headers["x-odd"].as_bytes(), b"caf\xe9\xff"),
        "http_5xx" => assert!(answered().status >= 500 && answered().body.len() <= BODY_LIMIT),
        "http_4xx" => assert_eq!(answered().status, 401),
        "http_408" => assert_eq!(answered().status, 408),
        "rate_limited" => {
            let expected = match entry.id.as_str() {
                "EB-042" => Some(Duration::from_secs(2)),
                "EB-043" => Some(Duration::from_secs(24 * 60 * 60)),
                _ => None,
            };
            assert_eq!(wait(), expected, "{}", entry.id);
        }
        "" if entry.id == "EB-036" => {
            assert_eq!(seen.connections, 2, "the spoiled connection is not used again");
        }
        "" => assert!((200..300).contains(&answered().status), "{}", entry.id),
        other => panic!("{}: nobody checks {other}", entry.id),
    }
    if entry.id == "EB-044" {
        assert_eq!(wait(), Some(Duration::ZERO), "a date that has passed");
    }
}

fn result(entry: &Entry, outcome: &Outcome) -> String {
    let judged = verdict(outcome);
    match (entry.verdict(), &judged) {
        ("success", Verdict::Delivered) => {
            let answered = response(outcome.clone());
            let cut = if answered.truncated { ", body cut" } else { "" };
            format!("delivered{cut}")
        }
        ("fail_retry", Verdict::Retry { .. }) if entry.id == "EB-056" => {
            "retried: no stream was permitted".to_owned()
        }
        ("fail_retry", Verdict::Retry { reason }) => {
            format!("retried: {}", reason.replace(char::is_numeric, "n"))
        }
        // Decided once, and documented: of the 4xx only 408, 425 and 429 are worth another attempt.
        ("fail_retry", Verdict::Permanent { reason }) if entry.reason() == "http_4xx" => {
            format!("permanent: {reason}")
        }
        (expected, judged) => panic!("{}: {expected}, and yet {judged:?}", entry.id),
    }
}

#[tokio::test]
async fn every_behaviour_ends_in_time_and_is_judged() {
    let mut section = Section::new("endpoint_behaviour", file!());
    let mut elsewhere = Vec::new();
    for entry in entries("endpoint_behaviour") {
        let Some(seen) = behaviour(&entry).await else {
            elsewhere.push(entry.id);
            continue;
        };
        check(&entry, &seen);
        section.record(&entry, &result(&entry, &seen.outcome));
    }
    // These are about the service as a whole.
    assert_eq!(elsewhere, ["EB-061", "EB-062"]);
    section.finish();
}

#[tokio::test]
async fn further_misbehaviour_in_http2_ends_in_time() {
    let flooded = over_http2(h2::floods_with_pings).await;
    assert!(matches!(verdict(&flooded.outcome), Verdict::Retry { .. }));
    let garbled = over_http2(h2::talks_garbage).await;
    assert!(matches!(verdict(&garbled.outcome), Verdict::Retry { .. }));
    let reset = over_http2(h2::resets_the_stream).await;
    assert!(matches!(verdict(&reset.outcome), Verdict::Retry { .. }));
    let endless = response(over_http2(h2::infinite_body).await.outcome);
    assert_eq!((endless.status, endless.truncated, endless.body.len()), (200, true, BODY_LIMIT));
    let silent = over_http2(h2::never_answers).await;
    assert_eq!(support::failure(silent.outcome).kind, FailureKind::Timeout);
}
