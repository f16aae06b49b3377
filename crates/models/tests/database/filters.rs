use callbacks_interfaces::callback_configuration::CallbackConfiguration;
use callbacks_interfaces::filter::FilterRequest;
use callbacks_interfaces::ids::ConfigurationId;
use callbacks_interfaces::page::Page;
use callbacks_interfaces::tenant::TenantScope;
use callbacks_models::error::FilterError;
use callbacks_models::{callback_configurations, callback_executions};
use serde_json::{Value, json};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::fixture::{Fixture, delivered, event, object, reference, scope};

fn request(body: Value) -> FilterRequest {
    FilterRequest::from_body(&object(body)).expect("a valid request")
}

async fn filter(db: &Fixture, body: Value) -> Page<CallbackConfiguration> {
    callback_configurations::filter(&db.store, &scope("acme"), &request(body)).await.expect("filters")
}

async fn names(db: &Fixture, filters: Value) -> Vec<String> {
    let page = filter(db, json!({"filters": filters, "sort": ["name"]})).await;
    page.content.into_iter().map(|view| view.name).collect()
}

async fn some(db: &Fixture) {
    for (name, retries, status) in [("a", 1, "ACTIVE"), ("b_%", 2, "PAUSED"), ("c", 3, "DISABLED")] {
        let types = [format!("{name}.*")];
        let body =
            json!({"name": name, "maxRetries": retries, "status": status, "subscribedEventTypes": types});
        db.configuration("acme", body).await;
    }
    db.configuration("acme", json!({"name": "d", "description": "described", "createdBy": "me"})).await;
    db.configuration("other", json!({"name": "foreign"})).await;
}

#[sqlx::test(migrations = "../../migrations")]
async fn conditions_mean_what_they_say(_: PgPoolOptions, options: PgConnectOptions) {
    let db = Fixture::new(options).await;
    some(&db).await;
    for (filters, wanted) in [
        (json!({}), vec!["a", "b_%", "c", "d"]),
        (json!({"name": "a"}), vec!["a"]),
        (json!({"name": ["a", "c", "foreign"]}), vec!["a", "c"]),
        (json!({"maxRetries": {"gte": 2, "lt": 3}}), vec!["b_%"]),
        (json!({"maxRetries": {"gt": 2}}), vec!["c", "d"]),
        (json!({"status": "PAUSED"}), vec!["b_%"]),
        (json!({"status": ["PAUSED", "DISABLED"], "maxRetries": {"lte": 2}}), vec!["b_%"]),
        (json!({"name": {"like": "_"}}), vec!["b_%"]),
        (json!({"name": {"like": "%"}}), vec!["b_%"]),
        (json!({"url": {"like": "EXAMPLE.com"}}), vec!["a", "b_%", "c", "d"]),
        (json!({"description": null}), vec!["a", "b_%", "c"]),
        (json!({"description": [null, "described"]}), vec!["a", "b_%", "c", "d"]),
        (json!({"subscribedEventTypes": "c.*"}), vec!["c"]),
        (json!({"subscribedEventTypes": ["a.*", "c.*"]}), vec!["a", "c"]),
        (
            json!({"failureCount": 0, "active": true, "createdAt": {"gt": "2020-01-01T00:00:00Z"}, "createdBy": "me"}),
            vec!["d"],
        ),
        (json!({"retryBackoffMultiplier": {"gt": 2.5}}), vec![]),
        (json!({"tenantId": "other"}), vec![]),
    ] {
        assert_eq!(names(&db, filters.clone()).await, wanted, "{filters}");
    }
}

#[sqlx::test(migrations = "../../migrations")]
async fn searching_finds_texts_in_scope(_: PgPoolOptions, options: PgConnectOptions) {
    let db = Fixture::new(options).await;
    some(&db).await;
    for (text, found) in
        [("DESCRIBED", 1), ("b_%", 1), ("foreign", 0), ("'; DROP TABLE events; --", 0), ("\\", 0)]
    {
        assert_eq!(filter(&db, json!({"search": text})).await.total_elements, found, "{text}");
    }
}

#[sqlx::test(migrations = "../../migrations")]
async fn pages_are_stable_whatever_the_order(_: PgPoolOptions, options: PgConnectOptions) {
    let db = Fixture::new(options).await;
    for _ in 0..7 {
        db.configuration("acme", json!({})).await;
    }
    for sort in [json!([]), json!(["name"]), json!(["name,desc", "lastSuccessAt"]), json!(["status"])] {
        let mut seen: Vec<ConfigurationId> = Vec::new();
        for page in 0..4 {
            let page = filter(&db, json!({"page": page, "size": 2, "sort": sort})).await;
            assert_eq!((page.total_elements, page.total_pages), (7, 4));
            seen.extend(page.content.iter().map(|view| view.id));
        }
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 7, "{sort}");
    }
    let beyond = filter(&db, json!({"page": 2_147_483_647_u32, "size": 500})).await;
    assert!(beyond.empty && beyond.total_elements == 7);
}

#[sqlx::test(migrations = "../../migrations")]
async fn sorting_follows_the_keys(_: PgPoolOptions, options: PgConnectOptions) {
    let db = Fixture::new(options).await;
    some(&db).await;
    let sorted = filter(&db, json!({"sort": ["maxRetries,desc", "name,asc"]})).await;
    let names: Vec<_> = sorted.content.iter().map(|view| view.name.as_str()).collect();
    assert_eq!(names, ["c", "d", "b_%", "a"]);
}

#[sqlx::test(migrations = "../../migrations")]
async fn unknown_fields_and_wrong_kinds_are_refused(_: PgPoolOptions, options: PgConnectOptions) {
    let db = Fixture::new(options).await;
    for (body, field, code) in [
        (json!({"filters": {"secret": "x"}}), "filters.secret", "Unknown"),
        (json!({"filters": {"name; DROP TABLE events": "x"}}), "filters.name; DROP TABLE events", "Unknown"),
        (json!({"sort": ["secret"]}), "sort", "Unknown"),
        (json!({"sort": ["(SELECT 1)"]}), "sort", "Unknown"),
        (json!({"filters": {"maxRetries": "many"}}), "filters.maxRetries", "TypeMismatch"),
        (json!({"filters": {"createdAt": {"gt": "soon"}}}), "filters.createdAt", "TypeMismatch"),
        (json!({"filters": {"id": ["x"]}}), "filters.id", "TypeMismatch"),
    ] {
        let result = callback_configurations::filter(&db.store, &scope("acme"), &request(body.clone())).await;
        let Err(FilterError::Invalid(errors)) = result else {
            panic!("{body} must be refused");
        };
        assert_eq!((errors.0[0].field.as_str(), errors.0[0].code.as_str()), (field, code));
    }
}

#[sqlx::test(migrations = "../../migrations")]
async fn executions_are_filtered_too(_: PgPoolOptions, options: PgConnectOptions) {
    let db = Fixture::new(options).await;
    let lane = ConfigurationId::now_v7();
    let events: Vec<_> = (0..3).map(|_| event("acme", &[lane])).collect();
    let batch = db.accept(&events).await;
    let items: Vec<_> = events.iter().map(|given| delivered(reference(given, &batch), lane)).collect();
    db.settle(&items).await;
    for (filters, found) in [
        (json!({"configurationId": lane, "status": "SUCCESS"}), 3),
        (json!({"eventId": events[0].row_id}), 1),
        (json!({"sourceEventId": events[0].row_id}), 1),
        (json!({"requestDurationMs": {"gt": 100}}), 0),
        (json!({"nextRetryAt": null, "completedAt": {"gt": "2020-01-01T00:00:00Z"}}), 3),
    ] {
        let asked = request(json!({"filters": filters, "sort": ["executedAt,desc"]}));
        let page = callback_executions::filter(&db.store, &TenantScope::All, &asked).await.expect("filters");
        assert_eq!(
            (page.total_elements, page.content.len()),
            (found, usize::try_from(found).expect("small")),
            "{filters}"
        );
    }
}
