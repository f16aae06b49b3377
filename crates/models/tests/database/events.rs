use bytes::Bytes;
use callbacks_interfaces::delivery::DeliveryState;
use callbacks_interfaces::tenant::TenantScope;
use callbacks_models::acceptance::NewEvent;
use callbacks_models::events::{EventSearch, get, search};
use serde_json::json;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::fixture::{Fixture, delivered, event, named, reference, scope, tenant};

#[sqlx::test(migrations = "../../migrations")]
async fn an_event_is_found_by_either_id(_: PgPoolOptions, options: PgConnectOptions) {
    let db = Fixture::new(options).await;
    let lane = db.configuration("acme", json!({})).await.id;
    let given = NewEvent { source: "shop".to_owned(), ..named("acme", "order-1", &[lane]) };
    let batch = db.accept(std::slice::from_ref(&given)).await;
    db.settle(&[delivered(reference(&given, &batch), lane)]).await;
    let row_id = given.row_id.to_string();
    for (scope, id) in [(scope("acme"), "order-1"), (scope("acme"), &row_id), (TenantScope::All, "order-1")] {
        let view = get(&db.store, &scope, id).await.expect("reads").expect("is there");
        assert_eq!((view.id, view.event_id.as_str()), (given.row_id, "order-1"));
        assert_eq!((view.matched, view.source.as_deref()), (1, Some("shop")));
        assert_eq!(view.payload.expect("JSON").get(), r#"{"n": 1}"#);
        let deliveries = view.deliveries.expect("are shown");
        assert_eq!((deliveries.len(), deliveries[0].state), (1, DeliveryState::Delivered));
        assert_eq!((deliveries[0].attempts, deliveries[0].last_status_code), (1, Some(200)));
    }
    for id in ["order-1", &row_id, "nothing", "a\0b"] {
        assert!(get(&db.store, &scope("other"), id).await.expect("reads").is_none(), "{id}");
    }
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_payload_that_is_not_json_is_shown_in_base64(_: PgPoolOptions, options: PgConnectOptions) {
    let db = Fixture::new(options).await;
    let given = NewEvent { payload: Bytes::from_static(b"\xff\x00"), ..event("acme", &[]) };
    db.accept(std::slice::from_ref(&given)).await;
    let view =
        get(&db.store, &scope("acme"), &given.row_id.to_string()).await.expect("reads").expect("is there");
    assert!(view.payload.is_none());
    assert_eq!(view.payload_base64.as_deref(), Some("/wA="));
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_search_combines_its_terms(_: PgPoolOptions, options: PgConnectOptions) {
    let db = Fixture::new(options).await;
    let one = NewEvent { source: "shop".to_owned(), ..named("acme", "e-1", &[]) };
    let batch = db.accept(&[one.clone(), event("acme", &[]), event("other", &[])]).await;
    let find = |scope: TenantScope, terms: EventSearch| {
        let db = &db;
        async move { search(&db.store, &scope, &terms, None, 9).await.expect("searches") }
    };
    let none = EventSearch::default;
    assert_eq!(find(scope("acme"), none()).await.len(), 2);
    assert_eq!(find(TenantScope::All, none()).await.len(), 3);
    let foreign = EventSearch { tenant: Some(tenant("other")), ..none() };
    assert_eq!(find(scope("acme"), foreign.clone()).await.len(), 0);
    assert_eq!(find(TenantScope::All, foreign).await.len(), 1);
    let found = find(scope("acme"), EventSearch { event_id: Some("e-1".to_owned()), ..none() }).await;
    assert_eq!(found.iter().map(|view| view.id).collect::<Vec<_>>(), [one.row_id]);
    assert!(found[0].payload.is_none() && found[0].deliveries.is_none());
    let shop = EventSearch { source: Some("shop".to_owned()), ..none() };
    assert_eq!(find(scope("acme"), shop).await.len(), 1);
    let unknown = EventSearch { event_type: Some("x".to_owned()), ..none() };
    assert_eq!(find(scope("acme"), unknown).await.len(), 0);
    let from = EventSearch { from: Some(batch.accepted_at), ..none() };
    assert_eq!(find(scope("acme"), from).await.len(), 2);
    let to = EventSearch { to: Some(batch.accepted_at), ..none() };
    assert_eq!(find(scope("acme"), to).await.len(), 0);
}
