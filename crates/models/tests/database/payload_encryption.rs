//! Payloads of a tenant that has them encrypted, from the table's side and from the reader's.

use callbacks_interfaces::callback_execution::ExecutionStatus;
use callbacks_interfaces::domain_policy::DomainPolicy;
use callbacks_interfaces::event_subscription_draft::EventSubscriptionDraft;
use callbacks_interfaces::ids::{ConfigurationId, SubscriptionId};
use callbacks_models::acceptance::NewEvent;
use callbacks_models::callback_executions::ExecutionSelection;
use callbacks_models::directory::load_tenants;
use callbacks_models::error::StoreError;
use callbacks_models::quarantined_messages::{self, NewQuarantined};
use callbacks_models::settlement::{NewExecution, Settled};
use callbacks_models::store::{Store, StoreSettings};
use callbacks_models::tenants::{self, TenantChange};
use callbacks_models::{callback_executions, delivery_queue, event_subscriptions, events};
use serde_json::json;
use sqlx::Executor as _;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::fixture::{Fixture, delivered, event, execution, object, reference, scope, tenant};

const MARK: &[u8] = b"card 4711";

async fn switch(store: &Store, name: &str, on: bool) {
    let change = TenantChange {
        name: None,
        active: true,
        payload_encryption: on,
        domain_policy: DomainPolicy::default(),
        allowed_networks: Vec::new(),
    };
    tenants::update(store, &tenant(name), &change).await.expect("updates").expect("is registered");
}

/// How many rows hold the mark in the clear.
async fn in_the_clear(fixture: &Fixture) -> (i64, i64) {
    let events = "SELECT count(*) FROM events WHERE position('card 4711'::bytea IN payload) > 0";
    let bodies = "SELECT count(*) FROM callback_executions WHERE response_body LIKE '%card 4711%'";
    (fixture.number(events).await, fixture.number(bodies).await)
}

fn marked(of: &str, configuration: ConfigurationId) -> NewEvent {
    let mut sent = event(of, &[configuration]);
    sent.payload = bytes::Bytes::from_static(b"{\"pan\":\"card 4711\"}");
    sent
}

#[sqlx::test(migrator = "callbacks_models::migrate::MIGRATOR")]
async fn what_is_stored_is_sealed_and_what_is_read_is_not(_: PgPoolOptions, options: PgConnectOptions) {
    let fixture = Fixture::new(options).await;
    let configuration = fixture.configuration("left", json!({})).await;
    let plain = fixture.configuration("right", json!({})).await;
    for name in ["left", "right"] {
        tenants::create(&fixture.store, &tenant(name), None).await.expect("registers").expect("is new");
    }
    switch(&fixture.store, "left", true).await;
    load_tenants(&fixture.store, &[tenant("left"), tenant("right")]).await.expect("loads");

    let (mut sealed, open) = (marked("left", configuration.id), marked("right", plain.id));
    let delivered_first = marked("left", configuration.id);
    sealed.queued = vec![(configuration.id, None)];
    let batch = fixture.accept(&[sealed.clone(), open.clone(), delivered_first.clone()]).await;
    assert_eq!(in_the_clear(&fixture).await.0, 1, "only the other tenant's");
    let settle = |event: &NewEvent, id| Settled {
        execution: Some(NewExecution {
            response_body: Some("got card 4711".to_owned()),
            ..execution(ExecutionStatus::Success, 1)
        }),
        ..delivered(reference(event, &batch), id)
    };
    fixture.settle(&[settle(&delivered_first, configuration.id), settle(&open, plain.id)]).await;
    assert_eq!(in_the_clear(&fixture).await.1, 1, "only the other tenant's");

    // Another replica, which never heard of the option, reads everything.
    let other = fixture.store_with(&StoreSettings::default());
    let claimed =
        delivery_queue::claim(&other, fixture.worker, &[(configuration.id, 10)]).await.expect("claims");
    assert_eq!(claimed[0].payload.as_ref(), Some(&sealed.payload));
    for name in ["left", "right"] {
        let (of, all) = (scope(name), ExecutionSelection::All);
        let executions = callback_executions::newest(&other, &of, &all, None, 10).await.expect("reads");
        assert_eq!(executions[0].response_body.as_deref(), Some("got card 4711"), "{name}");
        let one = callback_executions::get(&other, &of, executions[0].id).await.expect("reads");
        let payload = one.expect("is there").request_payload.expect("its event's");
        assert_eq!(payload.get(), r#"{"pan":"card 4711"}"#, "{name}");
    }
    let view = events::get(&other, &scope("left"), &sealed.row_id.to_string()).await.expect("reads");
    assert_eq!(
        view.expect("is there").payload.map(|json| json.get().to_owned()).as_deref(),
        Some("{\"pan\":\"card 4711\"}")
    );

    // Switched off, new payloads are stored as they are, and old ones are still read.
    switch(&fixture.store, "left", false).await;
    load_tenants(&fixture.store, &[tenant("left")]).await.expect("loads");
    fixture.accept(&[marked("left", configuration.id)]).await;
    assert_eq!(in_the_clear(&fixture).await.0, 2);
    let view = events::get(&fixture.store, &scope("left"), &sealed.row_id.to_string()).await.expect("reads");
    assert!(view.expect("is there").payload.is_some());
    assert!(
        sealed.payload.windows(MARK.len()).any(|window| window == MARK),
        "the mark is what is looked for"
    );
}

#[sqlx::test(migrator = "callbacks_models::migrate::MIGRATOR")]
async fn a_deleted_tenants_payloads_can_never_be_read_again(_: PgPoolOptions, options: PgConnectOptions) {
    let fixture = Fixture::new(options).await;
    let left = tenant("left");
    let configuration = fixture.configuration("left", json!({ "secret": "s3cr3t" })).await;
    let neighbour = fixture.configuration("right", json!({})).await;
    assert!(!tenants::delete(&fixture.store, &left).await.expect("asks"), "nobody registered it");
    tenants::create(&fixture.store, &left, None).await.expect("registers").expect("is new");
    switch(&fixture.store, "left", true).await;
    load_tenants(&fixture.store, std::slice::from_ref(&left)).await.expect("loads");
    let mut sent = marked("left", configuration.id);
    sent.queued = vec![(configuration.id, None)];
    fixture.accept(std::slice::from_ref(&sent)).await;
    let stored: Vec<u8> =
        sqlx::query_scalar("SELECT payload FROM events").fetch_one(&fixture.pool).await.expect("stored");

    assert!(tenants::delete(&fixture.store, &left).await.expect("deletes"));
    assert!(tenants::delete(&fixture.store, &left).await.expect("deletes"), "once more does no harm");
    let parts = load_tenants(&fixture.store, std::slice::from_ref(&left)).await.expect("loads");
    assert!(parts[0].configurations.is_empty() && parts[0].domains.is_empty());
    for reader in [&fixture.store, &fixture.store_with(&StoreSettings::default())] {
        let view = events::get(reader, &scope("left"), &sent.row_id.to_string()).await.expect("reads");
        let view = view.expect("the row stays until retention");
        assert!(view.payload.is_none() && view.payload_base64.is_none(), "its payload is gone");
    }
    let still: Vec<u8> =
        sqlx::query_scalar("SELECT payload FROM events").fetch_one(&fixture.pool).await.expect("stored");
    assert_eq!(still, stored, "what is stored did not change; the key is what is gone");
    assert_eq!(fixture.number("SELECT count(*) FROM tenant_data_keys").await, 0);
    assert_eq!(fixture.number("SELECT count(*) FROM delivery_queue").await, 0, "nothing waits for it");
    let skipped = "SELECT count(*) FROM callback_executions WHERE status = 'SKIPPED'";
    assert_eq!(fixture.number(skipped).await, 1, "and what waited has an end");

    assert!(tenants::get(&fixture.store, &left).await.expect("reads").is_none());
    assert!(tenants::list_across_tenants(&fixture.store, None, 10).await.expect("reads").is_empty());
    let again = tenants::create(&fixture.store, &left, None).await.expect("asks");
    assert!(again.is_none(), "its id is never given again");
    let change = TenantChange {
        name: None,
        active: true,
        payload_encryption: true,
        domain_policy: DomainPolicy::default(),
        allowed_networks: Vec::new(),
    };
    assert!(tenants::update(&fixture.store, &left, &change).await.expect("asks").is_none());
    let untouched = "SELECT count(*) FROM callback_configurations";
    assert_eq!(fixture.number(untouched).await, 1, "{} stays", neighbour.id);
}

#[sqlx::test(migrator = "callbacks_models::migrate::MIGRATOR")]
async fn quarantined_values_are_sealed_as_payloads_are(_: PgPoolOptions, options: PgConnectOptions) {
    let fixture = Fixture::new(options).await;
    for name in ["left", "right"] {
        tenants::create(&fixture.store, &tenant(name), None).await.expect("registers").expect("is new");
    }
    switch(&fixture.store, "left", true).await;
    load_tenants(&fixture.store, &[tenant("left"), tenant("right")]).await.expect("loads");
    for name in ["left", "right"] {
        let subscription = subscribed(&fixture, name).await;
        let head = NewQuarantined { payload_size: 9_999, ..aside(name, subscription, "1", Some(MARK)) };
        let messages =
            [aside(name, subscription, "0", Some(MARK)), head, aside(name, subscription, "2", None)];
        assert_eq!(quarantined_messages::insert(&fixture.store, &messages).await.expect("stores"), 3);
    }
    let open = "SELECT count(*) FROM quarantined_messages WHERE position('card 4711'::bytea IN payload) > 0";
    assert_eq!(fixture.number(open).await, 2, "only the other tenant's");

    // Another replica, which never heard of the option, reads everything; and what the size says is of the value.
    let other = fixture.store_with(&StoreSettings::default());
    for name in ["left", "right"] {
        let of = scope(name);
        let listed = quarantined_messages::list(&other, &of, None, None, None, 10).await.expect("lists");
        let sizes: Vec<_> = listed.iter().map(|row| row.kept_size).collect();
        let length = Some(i32::try_from(MARK.len()).expect("short"));
        assert_eq!(sizes, [None, length, length], "{name}");
        for row in &listed {
            let found = quarantined_messages::get(&other, &of, row.id.into()).await.expect("reads");
            let found = found.expect("is there");
            let expected = row.kept_size.map(|_| MARK);
            assert_eq!((found.payload.as_deref(), found.kept_size), (expected, row.kept_size), "{name}");
        }
    }

    // A value whose key is gone is no tombstone.
    fixture.pool.execute("DELETE FROM tenant_data_keys").await.expect("deletes");
    let third = fixture.store_with(&StoreSettings::default());
    let listed =
        quarantined_messages::list(&third, &scope("left"), None, None, None, 10).await.expect("lists");
    let unreadable = quarantined_messages::get(&third, &scope("left"), listed[1].id.into()).await;
    assert!(matches!(unreadable, Err(StoreError::Corrupt(_))), "{unreadable:?}");
}

async fn subscribed(fixture: &Fixture, of: &str) -> SubscriptionId {
    let body = json!({ "name": "n", "messagingSystemType": "KAFKA", "topicOrQueue": "orders" });
    let draft = EventSubscriptionDraft::create(&object(body)).expect("a valid draft");
    event_subscriptions::create(&fixture.store, &scope(of), &draft).await.expect("creates").id
}

fn aside(of: &str, subscription: SubscriptionId, position: &str, payload: Option<&[u8]>) -> NewQuarantined {
    NewQuarantined {
        tenant: tenant(of),
        subscription,
        topic: "orders".to_owned(),
        partition: "0".to_owned(),
        position: position.to_owned(),
        reason: "no event".to_owned(),
        message_at: None,
        key: None,
        content_type: None,
        headers: json!({}),
        payload: payload.map(<[u8]>::to_vec),
        payload_size: payload.map_or(0, |payload| payload.len() as i64),
    }
}
