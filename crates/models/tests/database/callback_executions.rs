use std::time::Duration;

use callbacks_interfaces::callback_execution::{CallbackExecution, ExecutionStatus};
use callbacks_interfaces::cursor::Cursor;
use callbacks_interfaces::ids::{ConfigurationId, DeliveryId, ExecutionId};
use callbacks_interfaces::tenant::TenantScope;
use callbacks_models::callback_executions::{ExecutionSelection, counts_by_status, get, newest, of_delivery};
use callbacks_models::delivery_queue::claim;
use callbacks_models::delivery_queue_api::retry_now;
use callbacks_models::execution_statistics::of_configuration;
use callbacks_models::settlement::Settled;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::fixture::{Fixture, delivered, event, execution, reference, retried, scope};

const HOUR: Duration = Duration::from_secs(3600);

/// Three successes and two failures waiting for their retry, of one configuration.
async fn history(db: &Fixture) -> ConfigurationId {
    let lane = db.configuration("acme", serde_json::json!({})).await.id;
    let events: Vec<_> = (0..5).map(|_| event("acme", &[lane])).collect();
    let batch = db.accept(&events).await;
    for (index, given) in events.iter().enumerate() {
        let of = reference(given, &batch);
        let item = if index < 3 { delivered(of, lane) } else { retried(of, lane, HOUR) };
        db.settle(&[item]).await;
    }
    lane
}

async fn list(db: &Fixture, selection: ExecutionSelection) -> Vec<CallbackExecution> {
    newest(&db.store, &scope("acme"), &selection, None, 1000).await.expect("lists")
}

#[sqlx::test(migrations = "../../migrations")]
async fn lists_are_newest_first_and_stay_in_scope(_: PgPoolOptions, options: PgConnectOptions) {
    let db = Fixture::new(options).await;
    let lane = history(&db).await;
    let all = list(&db, ExecutionSelection::All).await;
    assert!(all.is_sorted_by(|a, b| a.id > b.id) && all.len() == 5);
    assert_eq!(list(&db, ExecutionSelection::WithStatus(ExecutionStatus::FailedRetrying)).await.len(), 2);
    assert_eq!(list(&db, ExecutionSelection::OfConfiguration(lane)).await.len(), 5);
    assert_eq!(list(&db, ExecutionSelection::OfConfiguration(ConfigurationId::now_v7())).await.len(), 0);
    let recent = |within| ExecutionSelection::Recent { configuration: lane, within };
    assert_eq!(list(&db, recent(HOUR)).await.len(), 5);
    assert_eq!(list(&db, recent(Duration::MAX)).await.len(), 5);
    db.run("UPDATE callback_executions SET started_at = started_at - interval '2 hours' WHERE status = 'SUCCESS'").await;
    assert_eq!(list(&db, recent(HOUR)).await.len(), 2);
    for selection in [ExecutionSelection::All, ExecutionSelection::PendingRetries] {
        let foreign = newest(&db.store, &scope("other"), &selection, None, 9).await.expect("lists");
        assert!(foreign.is_empty());
    }
    let operator = newest(&db.store, &TenantScope::All, &ExecutionSelection::All, None, 9).await;
    assert_eq!(operator.expect("lists").len(), 5);
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_cursor_walks_the_whole_history(_: PgPoolOptions, options: PgConnectOptions) {
    let db = Fixture::new(options).await;
    history(&db).await;
    for selection in [ExecutionSelection::All, ExecutionSelection::PendingRetries] {
        let all: Vec<_> = list(&db, selection).await.iter().map(|one| one.id).collect();
        let (mut walked, mut before) = (Vec::new(), None);
        loop {
            let page = newest(&db.store, &scope("acme"), &selection, before, 2).await.expect("lists");
            let Some(last) = page.last() else { break };
            before = Some(Cursor::from(last.id.uuid()));
            walked.extend(page.iter().map(|one| one.id));
        }
        assert_eq!(walked, all);
    }
}

#[sqlx::test(migrations = "../../migrations")]
async fn only_retries_still_to_come_have_a_time(_: PgPoolOptions, options: PgConnectOptions) {
    let db = Fixture::new(options).await;
    let lane = history(&db).await;
    let pending = list(&db, ExecutionSelection::PendingRetries).await;
    assert_eq!(pending.len(), 2);
    assert!(pending.iter().all(|one| one.next_retry_at.is_some_and(|at| at > one.executed_at)));
    // The retry is hurried, tried, and fails for good: the attempt before it awaits nothing any more.
    let hurried: DeliveryId = pending[0].delivery_id;
    assert!(retry_now(&db.store, &scope("acme"), hurried).await.expect("hurries"));
    let claimed = claim(&db.store, db.worker, &[(lane, 9)]).await.expect("claims");
    assert_eq!((claimed.len(), claimed[0].attempt), (1, 2));
    let last = Settled {
        from_queue: true,
        execution: Some(execution(ExecutionStatus::FailedPermanent, 2)),
        ..delivered(claimed[0].event.clone(), lane)
    };
    db.settle(&[last]).await;
    let attempts = of_delivery(&db.store, &scope("acme"), hurried.event, lane).await.expect("reads");
    let seen: Vec<_> =
        attempts.iter().map(|one| (one.attempt_number, one.status, one.next_retry_at)).collect();
    let wanted = [(1, ExecutionStatus::FailedRetrying, None), (2, ExecutionStatus::FailedPermanent, None)];
    assert_eq!(seen, wanted);
    assert_eq!(list(&db, ExecutionSelection::PendingRetries).await.len(), 1);
}

#[sqlx::test(migrations = "../../migrations")]
async fn one_execution_shows_everything(_: PgPoolOptions, options: PgConnectOptions) {
    let db = Fixture::new(options).await;
    history(&db).await;
    let id = list(&db, ExecutionSelection::All).await[4].id;
    let one = get(&db.store, &scope("acme"), id).await.expect("reads").expect("is there");
    assert_eq!(one.request_payload.map(|json| json.get().to_owned()).as_deref(), Some(r#"{"n": 1}"#));
    assert_eq!((one.response_status_code, one.response_body.as_deref()), (Some(200), Some("ok")));
    assert_eq!((one.request_duration_ms, one.attempt_number, one.max_attempts), (Some(12), 1, 4));
    assert_eq!(one.phase_timings.and_then(|timings| timings.first_byte_ms), Some(2.0));
    assert_eq!(one.event_id, one.delivery_id.event.to_string());
    assert_eq!(one.source_event_id, Some(one.delivery_id.event.uuid()));
    assert!(get(&db.store, &scope("other"), id).await.expect("reads").is_none());
    assert!(get(&db.store, &scope("acme"), ExecutionId::now_v7()).await.expect("reads").is_none());
}

#[sqlx::test(migrations = "../../migrations")]
async fn statistics_count_and_measure(_: PgPoolOptions, options: PgConnectOptions) {
    let db = Fixture::new(options).await;
    let lane = history(&db).await;
    db.run(
        "UPDATE callback_executions x SET duration_us = n * 1000
         FROM (SELECT id, row_number() OVER (ORDER BY id) AS n FROM callback_executions) AS o WHERE o.id = x.id",
    )
    .await;
    let mut counts = counts_by_status(&db.store, &scope("acme"), lane, HOUR).await.expect("counts");
    counts.sort_unstable_by_key(|(status, _)| status.as_str());
    assert_eq!(counts, [(ExecutionStatus::FailedRetrying, 2), (ExecutionStatus::Success, 3)]);
    let all = of_configuration(&db.store, &scope("acme"), lane, HOUR).await.expect("measures");
    assert_eq!((all.p50_ms, all.p95_ms), (Some(3.0), Some(4.8)));
    let none = of_configuration(&db.store, &scope("other"), lane, HOUR).await.expect("measures");
    assert_eq!((none.by_status, none.p50_ms), (vec![], None));
}
