//! What 500 hostile endpoints at once cost in memory. A binary of its own: it measures its own process.

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use callbacks_core::delivery::transport::{Outcome, Transport};
use callbacks_testkit::hostile_endpoint::{self as hostile, HostileEndpoint};
use callbacks_testkit::webhook_receiver::WebhookReceiver;
use futures::future::join_all;
use support::memory::{Watcher, resident};
use support::{request, response, transport_resolving};

const ENDPOINTS: usize = 500;
const LIMIT: u64 = 128 * 1024 * 1024;
/// An endless body is cut long before; a dripping one takes all of it.
const PATIENCE: Duration = Duration::from_secs(8);

/// Sends to `ENDPOINTS` endpoints at once; the outcomes, and the most memory that was resident meanwhile.
async fn all_at_once(urls: Vec<String>) -> (Vec<Outcome>, u64) {
    let transport = Arc::new(transport_resolving(&[]));
    let watcher = Watcher::start();
    let healthy = WebhookReceiver::start().await;
    let sends = urls.into_iter().map(|url| {
        let transport = Arc::clone(&transport);
        let mut request = request(&url);
        request.timeout = PATIENCE;
        tokio::spawn(async move { transport.send(request).await })
    });
    let sends = join_all(sends.collect::<Vec<_>>());
    let beside = async {
        for _ in 0..20 {
            let mut request = request(&healthy.url("/"));
            request.timeout = PATIENCE;
            assert_eq!(response(transport.send(request).await).status, 200);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let started = Instant::now();
    let (outcomes, ()) = tokio::join!(sends, beside);
    let took = started.elapsed();
    assert!(took < PATIENCE * 2, "took {took:?}");
    let peak = watcher.stop();
    (outcomes.into_iter().map(|outcome| outcome.expect("no task panics")).collect(), peak)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_endless_bodies_cost_little_memory() {
    let before = resident();
    let endless = HostileEndpoint::start(hostile::infinite_body).await;
    let (outcomes, peak) =
        all_at_once((0..ENDPOINTS).map(|one| endless.url(&format!("/{one}"))).collect()).await;
    let cost = peak.saturating_sub(before);
    for outcome in outcomes {
        let answer = response(outcome);
        assert_eq!((answer.status, answer.truncated, answer.body.len()), (200, true, 64 * 1024));
    }
    assert!(cost <= LIMIT, "{ENDPOINTS} endless bodies cost {} KiB", cost / 1024);

    let before = resident();
    let dripping = HostileEndpoint::start(hostile::drips_body).await;
    let (outcomes, peak) =
        all_at_once((0..ENDPOINTS).map(|one| dripping.url(&format!("/{one}"))).collect()).await;
    let held = peak.saturating_sub(before);
    for outcome in outcomes {
        let answer = response(outcome);
        assert!(answer.status == 200 && answer.truncated, "{answer:?}");
    }
    assert!(held <= LIMIT, "{ENDPOINTS} dripping bodies cost {} KiB", held / 1024);
}
