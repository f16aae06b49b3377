//! A store over a test's own database, a registered worker, and the shortest ways to make rows.

use std::time::Duration;

use bytes::Bytes;
use callbacks_interfaces::callback_configuration::CallbackConfiguration;
use callbacks_interfaces::callback_execution::ExecutionStatus;
use callbacks_interfaces::configuration_draft::ConfigurationDraft;
use callbacks_interfaces::event_type::EventType;
use callbacks_interfaces::ids::{ConfigurationId, EventRowId, ExecutionId, WorkerId};
use callbacks_interfaces::tenant::{TenantId, TenantScope};
use callbacks_models::acceptance::{AcceptedBatch, NewEvent, accept};
use callbacks_models::callback_configurations;
use callbacks_models::secret_column::SecretKeyring;
use callbacks_models::settlement::{EventRef, NewExecution, Next, Settled, Settlement, settle};
use callbacks_models::store::{Store, StoreSettings};
use callbacks_models::worker_registration::register;
use serde_json::{Map, Value, json};
use sqlx::postgres::{PgConnectOptions, PgPool};
use time::OffsetDateTime;

pub(crate) struct Fixture {
    pub(crate) store: Store,
    /// For looking behind the store's back.
    pub(crate) pool: PgPool,
    pub(crate) worker: WorkerId,
    options: PgConnectOptions,
}

pub(crate) fn keyring() -> SecretKeyring {
    SecretKeyring::new(("test".to_owned(), [7; 32].into()), []).expect("a valid key id")
}

pub(crate) fn tenant(name: &str) -> TenantId {
    TenantId::try_from(name).expect("a valid tenant")
}

pub(crate) fn scope(name: &str) -> TenantScope {
    TenantScope::One(tenant(name))
}

pub(crate) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        other => panic!("not an object: {other}"),
    }
}

pub(crate) fn draft(extra: Value) -> ConfigurationDraft {
    let mut body = object(json!({
        "name": "orders", "url": "https://example.com/hook", "httpMethod": "POST", "status": "ACTIVE",
        "subscribedEventTypes": ["*"],
    }));
    body.extend(object(extra));
    ConfigurationDraft::create(&body).expect("a valid draft")
}

pub(crate) fn event(of: &str, targets: &[ConfigurationId]) -> NewEvent {
    NewEvent {
        row_id: EventRowId::now_v7(),
        tenant: tenant(of),
        event_id: None,
        source: String::new(),
        source_event_id: None,
        event_type: EventType::try_from("order.created").expect("a valid type"),
        content_type: Some("application/json".to_owned()),
        occurred_at: None,
        headers: Some(r#"{"x":"1"}"#.to_owned()),
        payload: Bytes::from_static(br#"{"n": 1}"#),
        targets: targets.to_vec(),
        queued: Vec::new(),
        skipped: Vec::new(),
    }
}

pub(crate) fn named(of: &str, event_id: &str, targets: &[ConfigurationId]) -> NewEvent {
    NewEvent { event_id: Some(event_id.to_owned()), ..event(of, targets) }
}

pub(crate) fn reference(event: &NewEvent, batch: &AcceptedBatch) -> EventRef {
    EventRef {
        row_id: event.row_id,
        accepted_at: batch.accepted_at,
        tenant: event.tenant.clone(),
        event_id: event.event_id.clone(),
        source_event_id: event.source_event_id,
        event_type: event.event_type.clone(),
    }
}

#[expect(clippy::disallowed_methods, reason = "a recorded attempt needs some time; none is decided by it")]
pub(crate) fn execution(status: ExecutionStatus, attempt: i16) -> NewExecution {
    NewExecution {
        id: ExecutionId::now_v7(),
        status,
        attempt,
        max_attempts: 4,
        started_at: OffsetDateTime::now_utc(),
        duration_us: Some(12_345),
        response_status: Some(200),
        response_headers: Some(r#"{"content-type":"text/plain"}"#.to_owned()),
        response_body: Some("ok".to_owned()),
        request_headers: Some("{}".to_owned()),
        error_message: None,
        dns_us: None,
        connect_us: Some(100),
        tls_us: None,
        first_byte_us: Some(2_000),
        next_retry_in: None,
    }
}

/// A delivery from memory that succeeded at its first attempt.
pub(crate) fn delivered(event: EventRef, configuration_id: ConfigurationId) -> Settled {
    Settled {
        event,
        configuration_id,
        from_queue: false,
        execution: Some(execution(ExecutionStatus::Success, 1)),
        next: Next::Done,
    }
}

/// A delivery from memory whose first attempt failed; the second waits for `after`.
pub(crate) fn retried(event: EventRef, configuration_id: ConfigurationId, after: Duration) -> Settled {
    Settled {
        execution: Some(NewExecution {
            next_retry_in: Some(after),
            response_status: Some(503),
            ..execution(ExecutionStatus::FailedRetrying, 1)
        }),
        next: Next::Attempt { attempt: 2, after, hold_reason: None },
        ..delivered(event, configuration_id)
    }
}

impl Fixture {
    pub(crate) async fn new(options: PgConnectOptions) -> Self {
        let store = Store::with_options(options.clone(), &StoreSettings::default(), keyring());
        let pool = PgPool::connect_with(options.clone()).await.expect("the test's database answers");
        let worker = WorkerId::now_v7();
        register(&store, worker).await.expect("registers");
        Self { store, pool, worker, options }
    }

    /// A store with other settings over the same database.
    pub(crate) fn store_with(&self, settings: &StoreSettings) -> Store {
        Store::with_options(self.options.clone(), settings, keyring())
    }

    pub(crate) async fn another_worker(&self) -> WorkerId {
        let worker = WorkerId::now_v7();
        register(&self.store, worker).await.expect("registers");
        worker
    }

    pub(crate) async fn configuration(&self, of: &str, extra: Value) -> CallbackConfiguration {
        callback_configurations::create(&self.store, &scope(of), &draft(extra)).await.expect("creates")
    }

    pub(crate) async fn accept(&self, events: &[NewEvent]) -> AcceptedBatch {
        accept(&self.store, self.worker, events).await.expect("accepts")
    }

    pub(crate) async fn settle(&self, items: &[Settled]) -> Settlement {
        settle(&self.store, self.worker, items, &[], &[], &[]).await.expect("settles")
    }

    /// One event per call, with `count` of them queued for a configuration and due now.
    pub(crate) async fn queue(
        &self,
        of: &str,
        configuration: ConfigurationId,
        count: usize,
    ) -> Vec<NewEvent> {
        let events: Vec<NewEvent> = (0..count)
            .map(|_| NewEvent { queued: vec![(configuration, None)], ..event(of, &[configuration]) })
            .collect();
        self.accept(&events).await;
        events
    }

    /// Runs a statement and returns how many rows it touched.
    pub(crate) async fn run(&self, sql: &'static str) -> u64 {
        let done = sqlx::query(sql).execute(&self.pool).await;
        done.expect("the statement runs").rows_affected()
    }

    /// The single number a query answers with.
    pub(crate) async fn number(&self, sql: &'static str) -> i64 {
        let found = sqlx::query_scalar(sql).fetch_one(&self.pool).await;
        found.expect("the query answers with a bigint")
    }
}
