//! The catalogue's damaged ciphertexts: deliveries wait for the secret they are to be signed with.

use callbacks_core::delivery::transport::WireRequest;
use callbacks_testkit::hostile_corpus::{Entry, Section, entries};
use serde_json::json;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::house::House;

const SECRETS: [&str; 2] = ["canary-of-one", "canary-of-the-other"];

fn entry(id: &str) -> Entry {
    entries("secrets_logging").into_iter().find(|entry| entry.id == id).expect("is in the catalogue")
}

impl House {
    /// Two signed configurations of one event type.
    async fn two_signed(&self) {
        for secret in SECRETS {
            self.configuration(json!({ "secret": secret, "signatureEnabled": true })).await;
        }
    }

    /// Changes what is stored behind the service's back.
    async fn tamper(&self, sql: &'static str) {
        sqlx::query(sql).execute(&self.pool).await.expect("the statement is valid");
        self.engine.refresh().await.expect("reads");
    }

    /// Sends an event: both deliveries must wait, with nothing sent and no row that calls it a failure; then gives the
    /// secrets back and expects both.
    async fn held_and_released(&self, n: usize, damage: &'static str) {
        self.tamper("CREATE TABLE whole AS SELECT id, secret FROM callback_configurations").await;
        self.tamper(damage).await;
        let before = self.transport.sent().len();
        assert_eq!(self.event(n).await.matched, 2);
        let held = "SELECT count(*) FROM delivery_queue WHERE hold_reason = 'could not be signed'";
        self.eventually("both wait", async || self.number(held).await == 2).await;
        assert_eq!(
            self.transport.sent().len(),
            before,
            "{damage}: sent, unsigned or signed with another secret"
        );
        assert_eq!(self.executions().await.len(), before, "{damage}: no attempt was made");
        let restored =
            "UPDATE callback_configurations c SET secret = whole.secret FROM whole WHERE whole.id = c.id";
        self.tamper(restored).await;
        self.tamper("DROP TABLE whole").await;
        self.tamper("UPDATE delivery_queue SET due_at = now()").await;
        self.wait_for("SUCCESS", before + 2).await;
        self.settled().await;
        let signed = |sent: &WireRequest| sent.headers.contains_key("x-firefly-signature");
        assert!(self.transport.sent()[before..].iter().all(signed));
    }
}

#[sqlx::test(migrations = "../../migrations")]
async fn what_cannot_be_decrypted_is_waited_for(_: PgPoolOptions, options: PgConnectOptions) {
    let house = House::open(options).await;
    house.two_signed().await;
    let mut section = Section::new("secrets_logging", file!());
    for (n, damage) in [
        "UPDATE callback_configurations SET secret = left(secret, length('v1:test:') + 4)",
        "UPDATE callback_configurations SET secret = NULL",
        "UPDATE callback_configurations SET secret = replace(secret, 'v1:test:', 'v1:stolen:')",
    ]
    .into_iter()
    .enumerate()
    {
        house.held_and_released(n, damage).await;
    }
    let result = "held (could not be signed), nothing sent, no attempt counted; delivered when the secret is readable again";
    section.record(&entry("SL-007"), result);
    let swap = "UPDATE callback_configurations c SET secret = other.secret FROM callback_configurations other \
                WHERE other.id <> c.id";
    house.held_and_released(9, swap).await;
    section.record(&entry("SL-008"), result);
    section.finish();
}
