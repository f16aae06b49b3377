//! The plans that keep the hot statements flat: each must go through the index it was designed for.

use callbacks_interfaces::ids::ConfigurationId;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection, Executor};

use crate::fixture::Fixture;

/// The lane part of a claim, as `delivery_queue::claim` asks for it.
const LANES: &str = "
    SELECT due.event_row_id FROM unnest(ARRAY[gen_random_uuid()], ARRAY[10]) AS lane(configuration_id, quota)
    CROSS JOIN LATERAL (
        SELECT q.event_row_id, q.configuration_id FROM delivery_queue q
        WHERE q.configuration_id = lane.configuration_id AND q.leased_by IS NULL AND q.due_at <= now()
        ORDER BY q.due_at LIMIT lane.quota FOR UPDATE SKIP LOCKED
    ) AS due";

/// The payload part of a claim.
const PAYLOADS: &str = "
    SELECT e.payload FROM delivery_queue q
    LEFT JOIN events e ON e.id = q.event_row_id AND e.accepted_at = q.event_accepted_at
    WHERE q.event_row_id = gen_random_uuid() AND q.configuration_id = gen_random_uuid()";

/// What a dead worker's batch owes, as recovery asks for it.
const OWED: &str = "
    SELECT e.id FROM intake_batches b
    JOIN events e ON e.accepted_at = b.accepted_at AND e.id BETWEEN b.first_event AND b.last_event AND e.batch_id = b.id
    WHERE b.id = 1";

async fn plan(db: &Fixture, options: PgConnectOptions, query: &str) -> Vec<String> {
    let mut connection = PgConnection::connect_with(&options).await.expect("connects");
    for switch in ["enable_seqscan", "enable_hashjoin", "enable_mergejoin", "jit"] {
        connection.execute(AssertSqlSafe(format!("SET {switch} = off"))).await.expect("sets");
    }
    db.run("ANALYZE delivery_queue").await;
    let explain = AssertSqlSafe(format!("EXPLAIN (COSTS OFF) {query}"));
    let lines: Vec<String> = sqlx::query_scalar(explain).fetch_all(&mut connection).await.expect("explains");
    lines.into_iter().map(|line| line.trim().to_owned()).collect()
}

#[sqlx::test(migrations = "../../migrations")]
async fn hot_statements_use_their_indexes(_: PgPoolOptions, options: PgConnectOptions) {
    let db = Fixture::new(options.clone()).await;
    // Statistics of a nearly empty queue are what tempts the planner most.
    db.queue("acme", ConfigurationId::now_v7(), 3).await;

    let lanes = plan(&db, options.clone(), LANES).await;
    let index = "->  Index Scan using delivery_queue_due on delivery_queue q";
    assert!(lanes.iter().any(|line| line == index), "{lanes:#?}");
    let condition = "Index Cond: ((configuration_id = lane.configuration_id) AND (due_at <= now()))";
    assert!(lanes.iter().any(|line| line == condition), "{lanes:#?}");
    assert!(!lanes.iter().any(|line| line.contains("Sort")), "the index gives the order: {lanes:#?}");

    let payloads = plan(&db, options.clone(), PAYLOADS).await;
    let condition = "Index Cond: ((id = q.event_row_id) AND (accepted_at = q.event_accepted_at))";
    assert!(
        payloads
            .iter()
            .any(|line| line.starts_with("->  Index Scan") && line.contains("delivery_queue_pkey")),
        "{payloads:#?}"
    );
    assert!(payloads.iter().any(|line| line == condition), "{payloads:#?}");

    let owed = plan(&db, options, OWED).await;
    assert!(
        owed.iter()
            .any(|line| line.contains("id >= b.first_event") && line.contains("accepted_at = b.accepted_at")),
        "{owed:#?}"
    );
}
