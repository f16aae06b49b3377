//! The guard: what is not permitted is not dialled, however it is spelled.

mod support;

use callbacks_core::delivery::transport::{FailureKind, Transport};
use callbacks_core::gates::address_policy::AddressPolicy;
use callbacks_egress::dns::DnsFailure;
use callbacks_egress::{EgressSettings, HttpTransport};
use callbacks_testkit::webhook_receiver::{Answer, WebhookReceiver};
use support::{expect_failure, request, response, transport_resolving, transport_with};

#[tokio::test]
async fn literals_that_are_not_public_are_refused() {
    let receiver = WebhookReceiver::start().await;
    let transport = transport_resolving(&["127.0.0.1"]);
    let port = receiver.address().port();
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "169.254.169.254",
        "10.0.0.1",
    ] {
        let mut request = request(&format!("http://{host}:{port}/hook"));
        request.destination.addresses = AddressPolicy::default();
        let failure = expect_failure(transport.send(request).await, FailureKind::AddressForbidden);
        assert!(failure.timings.connect.is_none(), "{host} was dialled");
    }
    assert_eq!(receiver.connections(), 0);
}

#[tokio::test]
async fn names_are_refused_when_any_answer_is_forbidden() {
    let receiver = WebhookReceiver::start().await;
    let url = receiver.url_at("hooks.example.com", "/hook");
    for answers in [
        &["127.0.0.1"][..],
        &["10.0.0.5"],
        &["93.184.216.34", "127.0.0.1"],
        &["::ffff:169.254.169.254"],
        &["168.63.129.16"],
    ] {
        let mut request = request(&url);
        request.destination.addresses = AddressPolicy::default();
        let outcome = transport_resolving(answers).send(request).await;
        let failure = expect_failure(outcome, FailureKind::AddressForbidden);
        assert!(!answers.iter().any(|answer| failure.message.contains(answer)), "leaks: {}", failure.message);
    }
    assert_eq!(receiver.connections(), 0);
}

#[tokio::test]
async fn the_vetted_address_is_dialled_and_the_name_is_kept_in_host() {
    let receiver = WebhookReceiver::start().await;
    let url = receiver.url_at("hooks.example.com", "/a/b?x=1&y=%20z");
    let answer = response(transport_resolving(&["127.0.0.1"]).send(request(&url)).await);
    assert_eq!(answer.status, 200);
    let timings = answer.timings;
    assert!(
        timings.dns.is_some()
            && timings.connect.is_some()
            && timings.tls.is_none()
            && timings.first_byte.is_some()
    );
    let seen = receiver.requests();
    assert_eq!(seen[0].path, "/a/b?x=1&y=%20z");
    assert_eq!(seen[0].host, format!("hooks.example.com:{}", receiver.address().port()));
    assert_eq!(seen[0].method, http::Method::POST);
    assert_eq!(seen[0].headers["content-length"], "17");
    assert_eq!(&seen[0].body[..], br#"{"hello":"world"}"#);
}

#[tokio::test]
async fn localhost_resolves_with_the_systems_resolver() {
    let receiver = WebhookReceiver::start().await;
    let transport = HttpTransport::new(EgressSettings::default()).expect("the way out opens");
    let answer = response(transport.send(request(&receiver.url_at("localhost", "/"))).await);
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn dead_addresses_are_passed_over() {
    let receiver = WebhookReceiver::start().await;
    // Nothing listens on 127.0.0.2 at this port.
    let transport = transport_resolving(&["127.0.0.2", "127.0.0.1"]);
    let answer = response(transport.send(request(&receiver.url_at("hooks.example.com", "/"))).await);
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn the_domains_ip_whitelist_narrows_the_policy() {
    let receiver = WebhookReceiver::start().await;
    let transport = transport_resolving(&["127.0.0.1"]);
    let url = receiver.url_at("hooks.example.com", "/");
    let mut outside = request(&url);
    outside.destination.allowed_ips = Some(vec!["203.0.113.0/24".parse().expect("a network")].into());
    let failure = expect_failure(transport.send(outside).await, FailureKind::AddressForbidden);
    assert!(failure.message.contains("whitelist"), "{}", failure.message);
    assert_eq!(receiver.connections(), 0);
    let mut inside = request(&url);
    inside.destination.allowed_ips = Some(vec!["127.0.0.1/32".parse().expect("a network")].into());
    assert_eq!(response(transport.send(inside).await).status, 200);
}

#[tokio::test]
async fn a_kept_connection_is_judged_again() {
    let receiver = WebhookReceiver::start().await;
    let transport = transport_resolving(&["127.0.0.1"]);
    let url = receiver.url_at("hooks.example.com", "/");
    assert_eq!(response(transport.send(request(&url)).await).status, 200);
    let mut narrowed = request(&url);
    narrowed.destination.addresses = AddressPolicy::default();
    expect_failure(transport.send(narrowed).await, FailureKind::AddressForbidden);
    assert_eq!(receiver.count(), 1);
}

#[tokio::test]
async fn redirects_are_answers_and_not_followed() {
    let receiver = WebhookReceiver::start().await;
    let second = WebhookReceiver::start().await;
    let transport = transport_resolving(&["127.0.0.1"]);
    for status in [301, 302, 303, 307, 308] {
        receiver.answer_all(Answer::status(status).header("location", &second.url("/stolen")));
        let answer = response(transport.send(request(&receiver.url("/hook"))).await);
        assert_eq!(answer.status, status);
    }
    assert_eq!(second.connections(), 0);
}

#[tokio::test]
async fn failures_of_names_are_told_apart() {
    for (failure, text) in [
        (DnsFailure::NoAddress, "has no address"),
        (DnsFailure::Timeout, "took too long"),
        (DnsFailure::ServerFailure, "failed for now"),
    ] {
        let transport = transport_with(EgressSettings::default(), move |_| Err(failure));
        let failed =
            expect_failure(transport.send(request("http://hooks.example.com/")).await, FailureKind::Dns);
        assert!(failed.message.contains(text), "{}", failed.message);
    }
}
