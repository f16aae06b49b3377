//! The usual scene of a test: one database, some replicas, one receiver that is authorized.

use callbacks_testkit::webhook_receiver::WebhookReceiver;
use serde_json::json;
use tokio::sync::{Mutex, MutexGuard};

use super::database::TestDatabase;
use super::replica::Replica;

/// One test at a time: each loads the machine, and some watch the clock.
static STAGE: Mutex<()> = Mutex::const_new(());

/// Takes the stage; the test before has left when this returns.
pub(crate) async fn take_stage() -> MutexGuard<'static, ()> {
    STAGE.lock().await
}

/// Database, receiver and replicas. Fields are dropped in this order: processes first, the database after them.
pub(crate) struct Scene {
    pub(crate) replicas: Vec<Replica>,
    pub(crate) receiver: WebhookReceiver,
    _database: TestDatabase,
    _stage: MutexGuard<'static, ()>,
}

/// The event type, and the receiver's path, of [`Scene::configure`].
pub(crate) const EVENT_TYPE: &str = "order.created";
pub(crate) const PATH: &str = "/orders";

impl Scene {
    /// Starts `count` replicas on one fresh database and authorizes a fresh receiver.
    pub(crate) async fn with_replicas(count: usize, settings: &[(&'static str, &str)]) -> Self {
        let stage = take_stage().await;
        let database = TestDatabase::create().await;
        let mut replicas = Vec::new();
        for _ in 0..count {
            replicas.push(Replica::start(database.url(), settings).await);
        }
        let receiver = WebhookReceiver::start().await;
        replicas[0].api().authorize(&receiver.host()).await;
        Self { replicas, receiver, _database: database, _stage: stage }
    }

    /// Configures the receiver for [`EVENT_TYPE`] and waits until every replica routes to it; returns its id.
    pub(crate) async fn configure(&self) -> String {
        let url = self.receiver.url(PATH);
        let configuration = self.replicas[0].api().configure(&url, EVENT_TYPE, json!({})).await;
        for replica in &self.replicas {
            self.await_matches(replica, EVENT_TYPE, 1).await;
        }
        configuration
    }

    /// Waits until an event of `event_type` at `replica` matches `count` configurations; returns the time it took.
    pub(crate) async fn await_matches(
        &self,
        replica: &Replica,
        event_type: &str,
        count: u64,
    ) -> std::time::Duration {
        let (api, limit) = (replica.api(), std::time::Duration::from_secs(10));
        super::patience::eventually_true(limit, "a change of a configuration takes effect", async || {
            api.publish(event_type, json!({"probe": true})).await["matched"] == count
        })
        .await
    }
}
