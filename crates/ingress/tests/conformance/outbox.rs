//! The Postgres outbox: the service's own, and one in another database.

use std::time::{Duration, Instant};

use callbacks_ingress::settings::SourcesSettings;
use callbacks_interfaces::ids::SubscriptionId;
use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection};

use crate::database::TestDatabase;
use crate::ledger::Ledger;
use crate::replica::{Replica, real, service_wide};
use crate::suite::{Bench, EVENTS, delivered, payload};

const OUTBOX: &str = include_str!("../../../../migrations/0102_outbox.sql");

/// The suite over an outbox in another database than the service's. Its broker is PostgreSQL itself, which other tests
/// use at the same time, so instead of restarting it its connections are ended.
#[tokio::test(flavor = "multi_thread")]
async fn an_outbox_elsewhere_stands_the_suite() {
    let bench = OutboxBench { database: TestDatabase::create().await };
    sqlx::raw_sql(OUTBOX)
        .execute(&mut bench.database.connect().await)
        .await
        .expect("the file stands on its own");
    crate::suite::run(&bench).await;
    assert_eq!(bench.database.number("SELECT count(*) FROM callbacks.outbox").await, 0, "it is cleaned up");
}

struct OutboxBench {
    database: TestDatabase,
}

impl Bench for OutboxBench {
    fn settings(&self) -> SourcesSettings {
        service_wide()
    }

    fn subscription(&self) -> Option<Value> {
        Some(json!({
            "name": "suite", "messagingSystemType": "POSTGRES_OUTBOX", "topicOrQueue": "callbacks.outbox",
            "connectionConfig": { "url": self.database.url() }, "maxConcurrentConsumers": 2,
        }))
    }

    async fn publish(&self, numbers: std::ops::Range<u64>) {
        let mut connection = self.database.connect().await;
        let numbers: Vec<i64> = numbers.map(|n| n as i64).collect();
        for part in numbers.chunks(500) {
            let publish = "SELECT callbacks.publish('default', 'order.created', json_build_object('n', n), id => 'event-' || n) FROM UNNEST($1::bigint[]) AS n";
            sqlx::query(publish).bind(part).execute(&mut connection).await.expect("they are published");
        }
    }

    async fn restart_broker(&self) {
        let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'callbacks-outbox'";
        assert!(self.database.number(end).await > 0, "there were connections");
    }

    async fn replay(&self, _replica: &Replica, _subscription: Option<SubscriptionId>) {
        self.publish(0..EVENTS).await;
    }
}

/// The service's own outbox needs no subscription, exists for every tenant, and is heard at once.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_exists_exactly_when_its_transaction_commits() {
    let (database, ledger) = (TestDatabase::create().await, Ledger::default());
    let replica = Replica::start(&database.url(), &ledger, real(service_wide())).await;
    replica.add_endpoint().await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let mut connection = database.connect().await;
    let mut rolled_back = connection.begin().await.expect("a transaction");
    publish(&mut rolled_back, 7).await;
    rolled_back.rollback().await.expect("it rolls back");
    let mut kept = connection.begin().await.expect("a transaction");
    publish(&mut kept, 0).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(ledger.events(), 0, "nothing exists before the commit");
    let committed = Instant::now();
    kept.commit().await.expect("it commits");
    delivered(&ledger, &database, 1, "it is delivered").await;
    assert!(
        committed.elapsed() < Duration::from_millis(900),
        "a notification is faster than the poll: {:?}",
        committed.elapsed()
    );
    publish(&mut connection, 0).await;
    publish(&mut connection, 1).await;
    delivered(&ledger, &database, 2, "the next one, too").await;
    replica.stop().await;
    assert_eq!(
        (ledger.missing(2), ledger.events(), ledger.extra()),
        (vec![], 2, 0),
        "a repeated id is recognised"
    );
    assert_eq!(database.number("SELECT count(*) FROM callbacks.outbox").await, 0);
}

/// What a broker would refuse is refused where the producer sees it, and the payload is sent as it was written.
#[tokio::test(flavor = "multi_thread")]
async fn publish_checks_what_it_is_given_and_changes_nothing() {
    let database = TestDatabase::create().await;
    let mut connection = database.connect().await;
    sqlx::raw_sql(OUTBOX).execute(&mut connection).await.expect("the file stands on its own");
    for wrong in [
        "SELECT callbacks.publish('', 't', '{}')",
        "SELECT callbacks.publish('acme', ' ', '{}')",
        "SELECT callbacks.publish('acme', 't', NULL::text)",
        "SELECT callbacks.publish('acme', 't', '{}', id => repeat('x', 256))",
        "SELECT callbacks.publish('acme', 't', '{}', headers => '[]')",
    ] {
        sqlx::query(wrong).execute(&mut connection).await.expect_err(wrong);
    }
    for right in [
        r#"SELECT callbacks.publish(tenant => 'acme', type => 't', payload => '{"a":   1}', id => 'one', headers => '{"k": "v"}')"#,
        r#"SELECT callbacks.publish('acme', 't', '{"a":   1}'::json)"#,
        r#"SELECT callbacks.publish('acme', 't', '\x7b2261223a202020317d'::bytea)"#,
    ] {
        sqlx::query(right).execute(&mut connection).await.expect(right);
    }
    let payloads: Vec<Vec<u8>> = sqlx::query_scalar("SELECT payload FROM callbacks.outbox")
        .fetch_all(&mut connection)
        .await
        .expect("rows");
    assert_eq!(payloads, vec![br#"{"a":   1}"#.to_vec(); 3]);
}

async fn publish(connection: &mut PgConnection, n: u64) {
    sqlx::query("SELECT callbacks.publish(tenant => 'default', type => 'order.created', payload => $1::text, id => $2)")
        .bind(payload(n))
        .bind(format!("event-{n}"))
        .execute(connection)
        .await
        .expect("it is published");
}
