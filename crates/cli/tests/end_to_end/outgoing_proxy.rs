//! Callbacks that have to go through the operator's proxy: they do, they wait while it is away, and nobody is blamed for it.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use callbacks_testkit::connect_proxy::{ConnectProxy, Manner};
use callbacks_testkit::webhook_receiver::WebhookReceiver;
use reqwest::Method;
use serde_json::json;

use crate::support::api::Api;
use crate::support::arrival::at;
use crate::support::patience::eventually_true;
use crate::support::scene::{EVENT_TYPE, PATH, Scene};

const NOTICE_LIMIT: Duration = Duration::from_secs(15);
/// It is asked for every ten seconds.
const ARRIVAL_LIMIT: Duration = Duration::from_secs(40);
const EVENTS: usize = 20;

/// Where a proxy may stand later.
fn reserved() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port is free")
}

async fn publish(api: &Api, count: usize) {
    for number in 0..count {
        api.publish(EVENT_TYPE, json!({"number": number})).await;
    }
}

async fn await_arrivals(receiver: &WebhookReceiver, count: usize) {
    let arrived = async || at(receiver, PATH).len() >= count;
    eventually_true(ARRIVAL_LIMIT, "every delivery arrives", arrived).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deliveries_wait_for_the_proxy_and_nobody_is_blamed() {
    let address = reserved();
    let url = format!("http://user:canary@{address}");
    let scene = Scene::with_replicas(1, &[("CALLBACKS_EGRESS__PROXY_URL", url.as_str())]).await;
    let api = scene.replicas[0].api();
    // The first failure that counted would end a delivery, pause the configuration and open its breaker.
    let breaker = json!({"mode": "CONSECUTIVE", "failureThreshold": 1, "recoveryTimeoutMs": 600_000, "halfOpenMaxCalls": 1});
    let strict = json!({"maxRetries": 0, "failureThreshold": 1, "circuitBreaker": breaker});
    let configuration = api.configure(&scene.receiver.url(PATH), EVENT_TYPE, strict).await;
    publish(&api, EVENTS).await;
    let proxy_is_missed = async || metric(&api, "callbacks_egress_proxy_failures_total").await >= 1.0;
    eventually_true(NOTICE_LIMIT, "the proxy's failures are counted", proxy_is_missed).await;
    let one_is_held = async || {
        let waiting = api.expect(200, Method::GET, "/api/v1/deliveries?size=100", None).await;
        waiting.to_string().contains("waiting for the outgoing proxy")
    };
    eventually_true(NOTICE_LIMIT, "deliveries show what they wait for", one_is_held).await;
    // A second round without it changes nothing.
    tokio::time::sleep(Duration::from_secs(11)).await;
    assert_eq!(scene.receiver.connections(), 0, "nothing is sent past the proxy");

    let proxy = ConnectProxy::start_at(address, [Manner::Tunnel]).await;
    await_arrivals(&scene.receiver, EVENTS).await;
    assert!(proxy.asked_for().iter().all(|authority| *authority == scene.receiver.host()));
    assert!(proxy.heads()[0].contains("\r\nProxy-Authorization: Basic dXNlcjpjYW5hcnk=\r\n"));
    let successes = async || api.executions(&configuration, "SUCCESS").await;
    let recorded = async || successes().await.len() == EVENTS;
    eventually_true(NOTICE_LIMIT, "every success is recorded", recorded).await;
    assert!(successes().await.iter().all(|execution| execution["attemptNumber"] == 1));
    for status in ["FAILED_RETRYING", "FAILED_PERMANENT"] {
        assert!(api.executions(&configuration, status).await.is_empty(), "{status}");
    }
    let path = format!("/api/v1/callback-configurations/{configuration}");
    let now = api.expect(200, Method::GET, &path, None).await;
    assert_eq!((&now["status"], &now["failureCount"]), (&json!("ACTIVE"), &json!(0)), "{now}");
    assert_eq!(metric(&api, "callbacks_circuit_breakers_opened_total").await, 0.0);

    let log = scene.replicas[0].log();
    let warnings = log.lines().filter(|line| line.contains("do not get out through the proxy")).count();
    assert!((1..=2).contains(&warnings), "a line every 30 s says enough: {warnings}");
    assert!(log.contains("Check that it runs, and egress.proxy_url") && !log.contains("canary"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_environments_proxy_counts_only_where_the_settings_say_so() {
    let proxy = ConnectProxy::start([Manner::Tunnel]).await;
    let url = proxy.url();
    let mut settings =
        vec![("HTTP_PROXY", url.as_str()), ("http_proxy", url.as_str()), ("ALL_PROXY", url.as_str())];
    let ignoring = Scene::with_replicas(1, &settings).await;
    ignoring.configure().await;
    publish(&ignoring.replicas[0].api(), 1).await;
    await_arrivals(&ignoring.receiver, 1).await;
    assert!(proxy.heads().is_empty(), "{:?}", proxy.heads());
    drop(ignoring);

    settings.extend([("CALLBACKS_EGRESS__PROXY_URL", "environment"), ("NO_PROXY", "10.0.0.0/8")]);
    let heeding = Scene::with_replicas(1, &settings).await;
    heeding.configure().await;
    publish(&heeding.replicas[0].api(), 1).await;
    await_arrivals(&heeding.receiver, 1).await;
    assert_eq!(proxy.asked_for()[0], heeding.receiver.host());
}

/// The sum of a counter over its labels; 0 where it was never counted.
async fn metric(api: &Api, name: &str) -> f64 {
    let answer = api.call(Method::GET, "/metrics", None).await.expect("metrics are answered");
    let text = answer.body.as_str().expect("metrics are text");
    let lines = text.lines().filter(|line| line.starts_with(name));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}
