//! Connections are reused, kept apart, and replaced without anybody noticing.

mod support;

use std::sync::Arc;
use std::time::Duration;

use callbacks_core::delivery::transport::{FailureKind, Transport};
use callbacks_egress::EgressSettings;
use callbacks_interfaces::ids::ConfigurationId;
use callbacks_interfaces::tenant::TenantId;
use callbacks_testkit::hostile_endpoint::{HostileEndpoint, closes_on_reuse};
use callbacks_testkit::webhook_receiver::{Answer, WebhookReceiver};
use futures::future::join_all;
use support::{expect_failure, request, response, transport_resolving, transport_with};
use uuid::Uuid;

#[tokio::test]
async fn requests_in_a_row_share_a_connection() {
    let receiver = WebhookReceiver::start().await;
    receiver.answer_all(Answer::status(200).body("thanks"));
    let transport = transport_resolving(&[]);
    for turn in 0..20 {
        let answer = response(transport.send(request(&receiver.url("/hook"))).await);
        assert_eq!(&answer.body[..], b"thanks");
        assert_eq!(answer.timings.connect.is_some(), turn == 0, "only the first request connects");
    }
    assert_eq!(receiver.connections(), 1);
}

#[tokio::test]
async fn connections_are_not_shared_between_tenants_configurations_or_urls() {
    let receiver = WebhookReceiver::start().await;
    let transport = transport_resolving(&[]);
    let mut requests = vec![request(&receiver.url("/a")); 4];
    requests[1].destination.tenant = TenantId::try_from("other").expect("a tenant");
    requests[2].destination.configuration = ConfigurationId::from(Uuid::from_u128(2));
    requests[3] = request(&receiver.url("/b"));
    for request in requests.iter().chain(&requests) {
        assert_eq!(response(transport.send(request.clone()).await).status, 200);
    }
    assert_eq!(receiver.connections(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_at_once_are_answered() {
    let receiver = WebhookReceiver::start().await;
    receiver.answer_all(Answer::status(200).after(Duration::from_millis(100)));
    let transport = Arc::new(transport_resolving(&[]));
    for _round in 0..2 {
        let sends = (0..200).map(|_| {
            let (transport, request) = (Arc::clone(&transport), request(&receiver.url("/hook")));
            tokio::spawn(async move { transport.send(request).await })
        });
        for outcome in join_all(sends).await {
            assert_eq!(response(outcome.expect("no send panics")).status, 200);
        }
    }
    assert_eq!(receiver.count(), 400);
    assert_eq!(receiver.connections(), 200, "the second round reuses the connections of the first");
}

#[tokio::test]
async fn a_connection_closed_while_idle_is_replaced() {
    let receiver = WebhookReceiver::start().await;
    let (address, url) = (receiver.address(), receiver.url("/hook"));
    let transport = transport_resolving(&[]);
    assert_eq!(response(transport.send(request(&url)).await).status, 200);
    drop(receiver);
    tokio::time::sleep(Duration::from_millis(50)).await;
    let successor = WebhookReceiver::start_at(address).await;
    assert_eq!(response(transport.send(request(&url)).await).status, 200);
    assert_eq!(successor.count(), 1);
}

#[tokio::test]
async fn a_connection_closed_at_the_very_moment_of_reuse_costs_no_attempt() {
    let endpoint = HostileEndpoint::start(closes_on_reuse).await;
    let transport = transport_resolving(&[]);
    for _ in 0..10 {
        assert_eq!(response(transport.send(request(&endpoint.url("/"))).await).status, 200);
    }
    assert_eq!(endpoint.connections(), 10);
}

#[tokio::test]
async fn a_fresh_connection_that_dies_is_not_tried_again() {
    let receiver = HostileEndpoint::start(callbacks_testkit::hostile_endpoint::closes_after_request).await;
    let transport = transport_resolving(&[]);
    expect_failure(transport.send(request(&receiver.url("/"))).await, FailureKind::Reset);
    assert_eq!(receiver.connections(), 1);
}

#[tokio::test]
async fn idle_and_old_connections_are_closed() {
    let receiver = WebhookReceiver::start().await;
    let idle = EgressSettings { pool_idle_timeout: Duration::from_millis(100), ..EgressSettings::default() };
    let transport = transport_with(idle, |_| Ok(Vec::new()));
    for _ in 0..2 {
        assert_eq!(response(transport.send(request(&receiver.url("/"))).await).status, 200);
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    assert_eq!(receiver.connections(), 2);

    let old = EgressSettings { max_connection_age: Duration::from_millis(50), ..EgressSettings::default() };
    let transport = transport_with(old, |_| Ok(Vec::new()));
    for _ in 0..2 {
        assert_eq!(response(transport.send(request(&receiver.url("/"))).await).status, 200);
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
    assert_eq!(receiver.connections(), 4);
}

#[tokio::test]
async fn a_timed_out_request_gives_its_connection_up() {
    let receiver = WebhookReceiver::start().await;
    receiver.script("/hook", [Answer::never(), Answer::status(200)]);
    let transport = transport_resolving(&[]);
    let mut impatient = request(&receiver.url("/hook"));
    impatient.timeout = Duration::from_millis(200);
    let failure = expect_failure(transport.send(impatient.clone()).await, FailureKind::Timeout);
    assert!(failure.message.contains("did not answer within 0.2 s"), "{}", failure.message);
    assert_eq!(response(transport.send(impatient).await).status, 200);
    assert_eq!(receiver.connections(), 2);
}

#[tokio::test]
async fn every_method_arrives_as_it_is() {
    let receiver = WebhookReceiver::start().await;
    let transport = transport_resolving(&[]);
    for method in [http::Method::POST, http::Method::PUT, http::Method::PATCH] {
        let mut request = request(&receiver.url("/"));
        request.method = method.clone();
        assert_eq!(response(transport.send(request).await).status, 200);
        assert_eq!(receiver.requests().last().expect("a request").method, method);
    }
}
