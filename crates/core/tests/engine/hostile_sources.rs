//! What brokers may deliver: the catalogue's entries about ingestion and about tenants of messages, through the pump of a
//! running subscription over a scripted broker. What only a broker's own client decides is proven in the ingress crate.

use std::time::Duration;

use bytes::Bytes;
use callbacks_core::management::callback_configurations;
use callbacks_core::sources::message::SourceMessage;
use callbacks_testkit::hostile_corpus::{Entry, Section, entries};
use serde_json::{Value, json};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions, PgConnection};
use uuid::Uuid;

use crate::house::object;
use crate::scripted_broker::message;
use crate::source_scene::{ALL, Scene, at, order, raw};

/// Entries of the REST API, proven at the door.
const AT_THE_DOOR: [&str; 3] = ["IN-020", "IN-025", "IN-026"];
/// The tenant that deletes its only configuration.
const DELETES: &str = "deletes";
#[sqlx::test(migrations = "../../migrations")]
async fn the_catalogue_s_entries_about_ingestion(_: PgPoolOptions, options: PgConnectOptions) {
    let scene = Scene::set(options).await;
    scene.configure("known").await;
    let mut section = Section::new("ingestion", file!());
    for entry in entries("ingestion").iter().filter(|entry| !AT_THE_DOOR.contains(&entry.id.as_str())) {
        let tenant = match entry.id.as_str() {
            "IN-012" => "*",
            "IN-023" => DELETES,
            _ => "known",
        };
        scene.subscribe(entry, tenant).await;
        let result = match entry.verdict() {
            "quarantine" => set_aside(&scene, entry).await,
            "accept" => accepted(&scene, entry).await,
            "block" => deleted_meanwhile(&scene, entry).await,
            other => panic!("{}: {other} is unknown here", entry.id),
        };
        section.record(entry, &result);
    }
    section.finish();
    assert!(scene.sources.stop(Duration::from_secs(10)).await, "the sources stop");
}

async fn set_aside(scene: &Scene, entry: &Entry) -> String {
    let good = order(json!({"eventId": "good", "tenantId": "known"}));
    let hostile = match entry.id.as_str() {
        "IN-001" => SourceMessage { key: Some("order-1".into()), ..message(&entry.id, 1, None) },
        "IN-002" => {
            SourceMessage { headers: vec![("trace".to_owned(), "t-1".into())], ..raw(entry, "{ no event") }
        }
        "IN-007" => raw(entry, order(json!({"text": "x".repeat(10 << 20)})).to_string()),
        "IN-008" => raw(entry, format!("{}1{}", "{\"a\":".repeat(10_000), "}".repeat(10_000))),
        "IN-012" => at(entry, 1, &order(json!({"tenantId": "nobody-knows"}))),
        "IN-013" => at(entry, 1, &json!({"eventType": "t".repeat(10 << 10)})),
        // The source hands AMQP's content-encoding on as a header; a type alone would make an event of any octets.
        "IN-016" => {
            let headers = [("content-encoding", "gzip"), ("eventType", "order.created")];
            let headers = headers.map(|(name, value)| (name.to_owned(), Bytes::from(value)));
            SourceMessage { headers: headers.into(), ..raw(entry, vec![0x1f, 0x8b, 8, 0, 0, 0]) }
        }
        "IN-018" => raw(entry, "poison, however often it is delivered"),
        other => panic!("{other} is unknown here"),
    };
    let mut result = scene.sets_aside(entry, hostile, good).await;
    match entry.id.as_str() {
        "IN-002" => {
            let sql = "SELECT topic || '/' || partition || '@' || position || ' ' || headers::text
                       FROM quarantined_messages WHERE topic = $1";
            let kept: String =
                sqlx::query_scalar(sql).bind(&entry.id).fetch_one(&scene.house.pool).await.expect("a row");
            assert_eq!(kept, r#"IN-002/0@1 {"trace": "t-1"}"#);
            result += "; with topic, partition, offset and headers, before the acknowledgement";
        }
        "IN-018" => {
            result += "; already at its first delivery, so a limit on deliveries is never reached";
        }
        _ => {}
    }
    result
}

async fn accepted(scene: &Scene, entry: &Entry) -> String {
    match entry.id.as_str() {
        "IN-004" => {
            let said = at(entry, 1, &order(json!({"eventId": "order-17"})));
            let (id, uuid) = scene.accepts_once(entry, said, 3).await;
            assert_eq!((id.as_str(), uuid.get_version_num()), ("order-17", 5));
            "1 event of 3 deliveries; the id is kept as it is, sourceEventId is a UUIDv5 of tenant, source and id".to_owned()
        }
        "IN-005" => {
            let (id, _) = scene.accepts_once(entry, at(entry, 1, &order(json!({}))), 10).await;
            assert_eq!(Uuid::try_parse(&id).map(|id| id.get_version_num()), Ok(5), "{id}");
            "1 event of 10 deliveries; its id is a UUIDv5 of where it stood".to_owned()
        }
        "IN-006" => {
            for _ in 0..2 {
                scene.deliver(entry, at(entry, 1, &order(json!({"eventId": "one", "n": 1})))).await;
                scene.deliver(entry, at(entry, 2, &order(json!({"eventId": "one", "n": 2})))).await;
            }
            let kept: Vec<Vec<u8>> = sqlx::query_scalar("SELECT payload FROM events WHERE source = $1")
                .bind(&entry.id)
                .fetch_all(&scene.house.pool)
                .await
                .expect("the table exists");
            assert_eq!(kept, [order(json!({"eventId": "one", "n": 1})).to_string().into_bytes()]);
            let reasons = scene.quarantined(entry).await;
            assert_eq!(reasons.len(), 1, "{reasons:?}");
            let counted =
                "SELECT total_messages_failed FROM event_subscriptions WHERE topic_or_queue = 'IN-006'";
            scene.house.eventually("it is counted", async || scene.house.number(counted).await > 0).await;
            format!("1 event, the first; the other one quarantined and counted: {}", reasons[0])
        }
        "IN-019" => {
            let mut again = at(entry, 1, &order(json!({})));
            again.said.id = Some("Nats-Msg-Id-1".to_owned());
            scene.accepts_once(entry, again, 2).await;
            "1 event of 2 deliveries".to_owned()
        }
        other => panic!("{other} is unknown here"),
    }
}

/// Fanned out to a paused configuration, which is deleted before it delivers.
async fn deleted_meanwhile(scene: &Scene, entry: &Entry) -> String {
    let configuration = scene.configure(DELETES).await;
    let pause = object(json!({"status": "PAUSED"}));
    callback_configurations::patch(&scene.house.desk, &ALL, configuration, &pause).await.expect("pauses");
    scene.deliver(entry, at(entry, 1, &order(json!({})))).await;
    callback_configurations::delete(&scene.house.desk, &ALL, configuration).await.expect("deletes");
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(scene.dials(DELETES), 0);
    let sql = "SELECT status, error_message FROM callback_executions WHERE tenant_id = $1";
    let rows: Vec<(String, Option<String>)> =
        sqlx::query_as(sql).bind(DELETES).fetch_all(&scene.house.pool).await.expect("the table exists");
    assert_eq!(rows.len(), 1, "{rows:?}");
    let (status, reason) = &rows[0];
    format!("0 dials after 2 s; the execution says {status}: {}", reason.as_deref().unwrap_or_default())
}

#[sqlx::test(migrations = "../../migrations")]
async fn messages_belong_to_one_tenant(_: PgPoolOptions, options: PgConnectOptions) {
    let scene = Scene::set(options.clone()).await;
    let mut section = Section::new("tenancy", file!());
    scene.configure("A").await;
    scene.configure("B").await;
    for entry in entries("tenancy") {
        let result = match entry.id.as_str() {
            "TN-031" => routed_to_its_own(&scene, &entry, json!({})).await,
            "TN-032" => {
                scene.subscribe(&entry, "*").await;
                let dials = scene.dials("B");
                let nobody_s = at(&entry, 1, &order(json!({"tenantId": null})));
                let result = scene.sets_aside(&entry, nobody_s, order(json!({"tenantId": "A"}))).await;
                assert_eq!(scene.dials("B"), dials);
                result
            }
            // A tenant's own subscription decides; what the message says of tenants is the producer's data.
            "TN-033" => {
                let told = routed_to_its_own(&scene, &entry, json!({"tenantId": "B"})).await;
                format!("not quarantined but the subscription's, whatever the message claims: {told}")
            }
            "TN-034" => foreign_rows(&scene, options.clone()).await,
            _ => continue,
        };
        section.record(&entry, &result);
    }
    section.finish();
    assert!(scene.sources.stop(Duration::from_secs(10)).await, "the sources stop");
}

/// An event of A's subscription reaches A's endpoint, and B's not.
async fn routed_to_its_own(scene: &Scene, entry: &Entry, claim: Value) -> String {
    scene.subscribe(entry, "A").await;
    let before = (scene.dials("A"), scene.dials("B"));
    scene.deliver(entry, at(entry, 1, &order(claim))).await;
    scene.house.eventually("A is dialled", async || scene.dials("A") > before.0).await;
    scene.house.settled().await;
    let dials = (scene.dials("A") - before.0, scene.dials("B") - before.1);
    assert_eq!(dials, (1, 0), "{}", entry.id);
    let owner: Vec<String> = sqlx::query_scalar("SELECT tenant_id FROM events WHERE source = $1")
        .bind(&entry.id)
        .fetch_all(&scene.house.pool)
        .await
        .expect("the table exists");
    assert_eq!(owner, ["A"], "{}", entry.id);
    "an event of A: 1 dial for A, 0 for B".to_owned()
}

/// What the database shows the API's role of rows that are not A's, without any predicate of the code.
async fn foreign_rows(scene: &Scene, options: PgConnectOptions) -> String {
    let sql = "SELECT a.attrelid::regclass::text FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
               WHERE a.attname = 'tenant_id' AND c.relkind IN ('r', 'p') AND NOT c.relispartition
                 AND has_schema_privilege('callbacks_api', c.relnamespace, 'USAGE')
                 AND has_table_privilege('callbacks_api', c.oid, 'SELECT') ORDER BY 1";
    let tables: Vec<String> =
        sqlx::query_scalar(sql).fetch_all(&scene.house.pool).await.expect("the catalogue answers");
    let mut as_a = options.options([("role", "callbacks_api")]).connect().await.expect("connects");
    sqlx::query("SELECT set_config('callbacks.tenant', 'A', false)").execute(&mut as_a).await.expect("sets");
    let mut all = scene.house.pool.acquire().await.expect("connects");
    let (mut own, mut others) = (0, 0);
    for table in &tables {
        assert_eq!(foreign(&mut as_a, table).await, 0, "{table} shows others' rows");
        others += foreign(&mut all, table).await;
        own += count(&mut as_a, format!("SELECT count(*) FROM {table}")).await;
    }
    assert!(tables.len() >= 12 && own >= 4 && others >= 4, "{own} and {others} rows of {tables:?}");
    let sql =
        "SELECT count(*) FROM pg_roles WHERE rolname LIKE 'callbacks\\_%' AND (rolbypassrls OR rolsuper)";
    assert_eq!(count(&mut all, sql.to_owned()).await, 0, "roles go around the policies");
    "0 rows of other tenants in every table the API's role may read; it cannot go around the policies"
        .to_owned()
}

async fn foreign(connection: &mut PgConnection, table: &str) -> i64 {
    count(connection, format!("SELECT count(*) FROM {table} WHERE tenant_id <> 'A'")).await
}

async fn count(connection: &mut PgConnection, sql: String) -> i64 {
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(connection).await.expect("counts")
}

/// What EB-062 asks of the REST API holds for messages as well; the entry is only its topic here.
#[sqlx::test(migrations = "../../migrations")]
async fn a_message_that_was_passed_on_too_often_is_set_aside(_: PgPoolOptions, options: PgConnectOptions) {
    let scene = Scene::set(options).await;
    scene.configure("known").await;
    let entry = entries("ingestion").into_iter().find(|entry| entry.id == "IN-002").expect("is listed");
    scene.subscribe(&entry, "known").await;
    let passed_on = |times: &str| vec![("x-callbacks-hops".to_owned(), Bytes::from(times.to_owned()))];
    let last = SourceMessage { headers: passed_on("9"), ..at(&entry, 1, &order(json!({"eventId": "nine"}))) };
    let reason = scene.sets_aside(&entry, last, order(json!({"eventId": "good"}))).await;
    assert!(reason.contains("passed on 9 times") && reason.contains("intake.max_hops allows 8"), "{reason}");
    let taken =
        SourceMessage { headers: passed_on("8"), ..at(&entry, 2, &order(json!({"eventId": "eight"}))) };
    scene.deliver(&entry, taken).await;
    scene
        .house
        .eventually("a delivery that counts on", async || {
            scene.house.transport.sent().iter().any(|request| request.headers["x-callbacks-hops"] == "9")
        })
        .await;
    assert!(scene.sources.stop(Duration::from_secs(10)).await, "the sources stop");
}
