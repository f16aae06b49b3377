use callbacks_interfaces::event_subscription_draft::EventSubscriptionDraft;
use callbacks_models::event_subscriptions::{create, delete, get, replace};
use serde_json::{Value, json};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::fixture::{Fixture, object, scope};

fn draft(extra: Value) -> EventSubscriptionDraft {
    let mut body = object(json!({
        "name": "orders", "messagingSystemType": "KAFKA", "topicOrQueue": "orders",
        "connectionConfig": {"bootstrap.servers": "k:9092", "sasl.password": "p4ssword"},
    }));
    body.extend(object(extra));
    EventSubscriptionDraft::create(&body).expect("a valid draft")
}

#[sqlx::test(migrations = "../../migrations")]
async fn life_of_a_subscription(_: PgPoolOptions, options: PgConnectOptions) {
    let db = Fixture::new(options).await;
    let acme = scope("acme");
    let full = draft(json!({
        "consumerProperties": {"a": "b"}, "eventTypePatterns": ["order.*"], "maxConcurrentConsumers": 2, "metadata": {},
    }));
    let created = create(&db.store, &acme, &full).await.expect("creates");
    assert_eq!(created.connection_config, full.connection_config);
    assert_eq!(created.consumer_properties, full.consumer_properties);
    assert_eq!(created.event_type_patterns, Some(vec!["order.*".to_owned()]));
    assert_eq!(get(&db.store, &acme, created.id).await.expect("reads"), Some(created.clone()));
    assert_eq!(db.number("SELECT count(*) FROM event_subscriptions s WHERE s::text ~ 'p4ssword'").await, 0);

    assert_eq!(get(&db.store, &scope("other"), created.id).await.expect("reads"), None);
    assert_eq!(replace(&db.store, &scope("other"), created.id, &full).await.expect("runs"), None);
    let off = replace(&db.store, &acme, created.id, &draft(json!({"active": false}))).await;
    let off = off.expect("runs").expect("is there");
    assert_eq!((off.active, off.consumer_properties, off.event_type_patterns), (false, None, None));

    assert!(!delete(&db.store, &scope("other"), created.id).await.expect("runs"));
    assert!(delete(&db.store, &acme, created.id).await.expect("deletes"));
    assert!(!delete(&db.store, &acme, created.id).await.expect("runs"));
}
