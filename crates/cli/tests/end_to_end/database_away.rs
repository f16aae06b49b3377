//! The database goes away and comes back: callers are told to come again, and nobody has to restart anything.

use std::sync::Arc;
use std::time::Duration;

use callbacks_testkit::chaos_proxy::ChaosProxy;
use callbacks_testkit::webhook_receiver::WebhookReceiver;
use reqwest::Method;
use serde_json::json;

use crate::support::database::TestDatabase;
use crate::support::ledger::missing;
use crate::support::outage::Outage;
use crate::support::patience::{eventually, eventually_true};
use crate::support::producer::Producer;
use crate::support::replica::Replica;
use crate::support::scene::{EVENT_TYPE, PATH, take_stage};

/// Promised: 5 s. The rest is for a machine that is busy with other things.
const NOTICE_LIMIT: Duration = Duration::from_secs(8);
const RECOVERY_LIMIT: Duration = Duration::from_secs(20);
/// So that the work of this replica has to be recovered.
const LONGER_THAN_A_LEASE: Duration = Duration::from_secs(8);
const ARRIVAL_LIMIT: Duration = Duration::from_secs(40);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_database_may_leave_and_come_back() {
    let _stage = take_stage().await;
    let (database, receiver) = (TestDatabase::create().await, WebhookReceiver::start().await);
    let proxy = Arc::new(ChaosProxy::start(database.server_address().await).await);
    let mut replica = Replica::start(database.url_through(proxy.address().port()), &[]).await;
    let api = replica.api();
    api.authorize(&receiver.host()).await;
    api.configure(&receiver.url(PATH), EVENT_TYPE, json!({})).await;
    let producer = Producer::start(vec![api.clone()], EVENT_TYPE, 8);
    tokio::time::sleep(Duration::from_secs(1)).await;

    let outage = Outage::begin(&proxy);
    let is_unready = async || api.readiness().await == Some(503);
    eventually_true(NOTICE_LIMIT, "readiness turns false", is_unready).await;
    let event = json!({"type": EVENT_TYPE, "payload": {"while": "away"}});
    let (refused, _) = eventually(NOTICE_LIMIT, "an event is refused", async || {
        let answer = api.call(Method::POST, "/api/v1/events", Some(&event)).await.ok()?;
        (answer.status.as_u16() != 202).then_some(answer)
    })
    .await;
    assert_eq!(refused.status.as_u16(), 503, "{}", refused.body);
    assert!(refused.retry_after.is_some(), "a caller is told when to come again");
    assert_eq!(
        api.call(Method::GET, "/actuator/health/liveness", None).await.expect("answers").status.as_u16(),
        200
    );
    tokio::time::sleep(LONGER_THAN_A_LEASE).await;

    drop(outage);
    let is_ready = async || api.readiness().await == Some(200);
    eventually_true(RECOVERY_LIMIT, "readiness turns true", is_ready).await;
    let accepted_before = producer.ledger().len();
    let accepts_again = async || producer.ledger().len() > accepted_before + 20;
    eventually_true(RECOVERY_LIMIT, "events are accepted again", accepts_again).await;
    let ledger = producer.stop().await;
    let all_arrived = async || missing(&ledger, &receiver).is_empty();
    eventually_true(ARRIVAL_LIMIT, "every accepted event arrives", all_arrived).await;
    assert!(replica.is_running(), "it recovered without a restart");
}
