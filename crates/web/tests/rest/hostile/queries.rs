use std::time::{Duration, Instant};

use callbacks_core::access::role::Role;
use callbacks_testkit::hostile_corpus::{Entry, Section, entries};
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::guarded::{Guarded, configuration};
use crate::support::Answer;

const CONFIGURATIONS: &str = "/api/v1/callback-configurations";
/// Everything that is filtered.
const FILTERED: [&str; 4] = [
    CONFIGURATIONS,
    "/api/v1/authorized-domains",
    "/api/v1/event-subscriptions",
    "/api/v1/callback-executions",
];
/// The most rows a page may have here; the catalogue allows twice as many.
const PAGE_MAX: i64 = 500;
/// The catalogue's bound; a debug build on a busy machine gets more.
const WALL: Duration = Duration::from_secs(6);

/// A tenant with nothing, beside one whose rows are named so that a text taken for SQL or a pattern would find them.
async fn scene(pool: PgPool) -> (Guarded, String) {
    let service = Guarded::start(pool).await;
    let theirs = service.key(Role::TenantAdmin, Some("tenant-b")).await;
    for name in ["secret", "a", "%", "' OR '1'='1", "a%' ESCAPE '%", "order.*"] {
        let mut body = configuration();
        (body["name"], body["secret"]) = (name.into(), "s".repeat(32).into());
        service.create(&theirs, CONFIGURATIONS, &body).await;
    }
    let ours = service.key(Role::TenantAdmin, Some("tenant-a")).await;
    service.create(&ours, CONFIGURATIONS, &configuration()).await;
    (service, ours)
}

async fn timed(entry: &Entry, asked: impl Future<Output = Answer>) -> Answer {
    let begun = Instant::now();
    let answer = asked.await;
    assert!(begun.elapsed() < WALL, "{}: {:?}", entry.id, begun.elapsed());
    assert!(!answer.status.is_server_error(), "{}: {}", entry.id, answer.text);
    assert!(!answer.text.contains("tenant-b"), "{}: {}", entry.id, answer.text);
    answer
}

fn judged(entry: &Entry, answer: &Answer) -> String {
    let expected = entry.verdict() == "accept";
    assert_eq!(answer.status.is_success(), expected, "{}: {} {}", entry.id, answer.status, answer.text);
    if !expected {
        assert!(entry.permits_status(answer.status.as_u16()), "{}: {}", entry.id, answer.text);
    }
    let fields: Vec<&str> = answer.json["errors"]
        .as_array()
        .map(|errors| errors.iter().filter_map(|error| error["field"].as_str()).take(1).collect())
        .unwrap_or_default();
    let rows = answer.json["totalElements"].as_u64().map(|rows| format!("{rows} rows")).unwrap_or_default();
    let said = [
        answer.json["code"].as_str().unwrap_or_default(),
        fields.first().copied().unwrap_or_default(),
        &rows,
    ];
    format!("{} {}", answer.status.as_u16(), said.join(" ").trim())
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

async fn filtered(service: &Guarded, key: &str, entry: &Entry, body: &Value) -> String {
    for path in FILTERED {
        // What is a field of one is none of another: there it only must not do harm.
        timed(entry, service.call(key, "POST", &format!("{path}/filter"), body)).await;
    }
    let path = format!("{CONFIGURATIONS}/filter");
    let answer = timed(entry, service.call(key, "POST", &path, body)).await;
    if entry.verdict() == "accept" && body["size"].as_i64().is_some_and(|size| size > PAGE_MAX) {
        assert_eq!(answer.status, 400, "{}: {}", entry.id, answer.text);
        let mut smaller = body.clone();
        smaller["size"] = PAGE_MAX.into();
        let answer = timed(entry, service.call(key, "POST", &path, &smaller)).await;
        return format!(
            "400, a page has at most {PAGE_MAX} rows; with {PAGE_MAX} {}",
            judged(entry, &answer)
        );
    }
    judged(entry, &answer)
}

/// Saves a configuration with the text in a field, and has it matched.
async fn saved(service: &Guarded, key: &str, entry: &Entry, field: &str, value: &Value) -> String {
    let mut body = configuration();
    body[field] = value.clone();
    let answer = timed(entry, service.call(key, "POST", CONFIGURATIONS, &body)).await;
    for event_type in entry.input["match_against"].as_array().into_iter().flatten() {
        let event = json!({"type": event_type, "payload": {}});
        let explained = timed(entry, service.call(key, "POST", "/api/v1/events/explain", &event)).await;
        let refused = event_type.as_str().is_some_and(|text| text.len() > 255);
        assert_eq!(
            explained.status.as_u16(),
            if refused { 400 } else { 200 },
            "{}: {}",
            entry.id,
            explained.text
        );
    }
    judged(entry, &answer)
}

#[sqlx::test(migrations = "../../migrations")]
async fn every_query_is_refused_or_taken_as_data(pool: PgPool) {
    let (service, key) = scene(pool).await;
    let mut section = Section::new("query", file!());
    for entry in entries("query") {
        let input = &entry.input;
        let result = if let Some(body) = input.get("filter_body") {
            filtered(&service, &key, &entry, body).await
        } else if let Some(pattern) = input.get("event_type_pattern") {
            saved(&service, &key, &entry, "subscribedEventTypes", &json!([pattern])).await
        } else if let Some(expression) = input.get("filter_expression") {
            saved(&service, &key, &entry, "filterExpression", expression).await
        } else {
            panic!("{}: nobody knows how to send {input}", entry.id);
        };
        section.record(&entry, &result);
    }
    section.finish();
}

/// Words of SQL, paths, bounds, and characters that are not what they look like.
const TEXTS: [&str; 28] = [
    "'",
    "\"",
    "\\",
    "name;--",
    "name) OR (1=1",
    "pg_sleep(5)",
    "%00",
    "\u{0}",
    "\u{202e}eman",
    "name desc nulls last",
    "tenantId",
    "tenant_id",
    "secret",
    "secretConfigured",
    "metadata.a",
    "metadata->>'a'",
    "id::text",
    "\u{ff07}",
    "",
    "🦀",
    "-infinity",
    "NaN",
    "2026-02-30T00:00:00Z",
    "1e400",
    "null",
    "{}",
    "$1",
    "COALESCE(name,'')",
];

/// Parameters of lists.
const PARAMETERS: [(&str, &str); 13] = [
    (CONFIGURATIONS, "sort"),
    (CONFIGURATIONS, "page"),
    (CONFIGURATIONS, "size"),
    ("/api/v1/events", "type"),
    ("/api/v1/events", "cursor"),
    ("/api/v1/events", "from"),
    ("/api/v1/callback-executions", "cursor"),
    ("/api/v1/callback-executions/by-status", "status"),
    ("/api/v1/callback-executions/recent", "limit"),
    ("/api/v1/callback-executions/recent", "since"),
    ("/api/v1/deliveries", "state"),
    ("/api/v1/deliveries", "cursor"),
    ("/api/v1/audit-log", "cursor"),
];

/// The class behind the entries: words of SQL, paths and bounds in every place a query has.
#[sqlx::test(migrations = "../../migrations")]
async fn no_text_in_any_place_of_a_query_reaches_the_database_as_sql(pool: PgPool) {
    let (service, key) = scene(pool).await;
    for text in TEXTS {
        let bodies = [
            json!({"sort": [text]}),
            json!({"sort": [format!("{text},asc")]}),
            json!({"sort": [{"field": text, "direction": "ASC"}]}),
            json!({"sort": [{"field": "name", "direction": text}]}),
            json!({"filters": {text: "a"}}),
            json!({"filters": {"name": text}}),
            json!({"filters": {"name": [text, "a"]}}),
            json!({"filters": {"name": {"like": text}}}),
            json!({"filters": {"name": {text: "a"}}}),
            json!({"filters": {"createdAt": text}}),
            json!({"filters": {"createdAt": {"gte": text}}}),
            json!({"filters": {"id": text}}),
            json!({"filters": {"active": text}}),
            json!({"filters": {"timeoutMs": text}}),
            json!({"filters": {"tenantId": text}}),
            json!({"search": text}),
            json!({"page": text}),
            json!({"size": text}),
        ];
        for path in FILTERED {
            for body in &bodies {
                let answer = service.call(&key, "POST", &format!("{path}/filter"), body).await;
                assert!(matches!(answer.status.as_u16(), 200 | 400), "{path} {body}: {}", answer.text);
                assert!(!answer.text.contains("tenant-b"), "{path} {body}: {}", answer.text);
            }
        }
        let encoded: String = text.bytes().map(|byte| format!("%{byte:02x}")).collect();
        for (path, parameter) in PARAMETERS {
            let answer = service.get(&key, &format!("{path}?{parameter}={encoded}")).await;
            assert!(
                matches!(answer.status.as_u16(), 200 | 400),
                "{path}?{parameter}={text}: {} {}",
                answer.status,
                answer.text
            );
        }
    }
}
