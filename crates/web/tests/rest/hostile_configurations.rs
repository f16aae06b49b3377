//! The catalogue's URLs and headers, offered to the API as configurations.

use callbacks_testkit::hostile_corpus::{Entry, Section, entries};
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::support::{Answer, Service};

const CONFIGURATIONS: &str = "/api/v1/callback-configurations";

fn configuration(field: &str, value: Value) -> Value {
    let mut body = json!({"name": "n", "url": "https://example.com/h", "subscribedEventTypes": ["*"]});
    body[field] = value;
    body
}

/// The request an entry stands for.
async fn offered(service: &Service, entry: &Entry) -> Answer {
    let input = &entry.input;
    let body = if let Some(header) = input.get("custom_header") {
        let name = header["name"].as_str().expect("a name");
        configuration("customHeaders", json!({name: header["value"]}))
    } else if let Some(count) = input["custom_headers_count"].as_u64() {
        let headers = (0..count).map(|number| (format!("X-H{number}"), json!("v"))).collect();
        configuration("customHeaders", Value::Object(headers))
    } else if let Some(header) = input.get("signature_header") {
        configuration("signatureHeader", header.clone())
    } else if let Some(method) = input.get("http_method") {
        configuration("httpMethod", method.clone())
    } else if let Some(event_type) = input.get("event_type_from_broker") {
        return service.post("/api/v1/events", &json!({"type": event_type, "payload": {}})).await;
    } else {
        panic!("{}: nobody knows how to offer {input}", entry.id);
    };
    service.post(CONFIGURATIONS, &body).await
}

/// The messages of a refusal.
fn said(answer: &Answer) -> String {
    let errors = answer.json["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    let texts: Vec<&str> = errors.iter().filter_map(|error| error["message"].as_str()).collect();
    format!("{}: {}", answer.status.as_u16(), texts.join("; "))
}

#[sqlx::test(migrations = "../../migrations")]
async fn hostile_headers_are_refused(pool: PgPool) {
    let service = Service::start(pool).await;
    let mut section = Section::new("header", file!());
    for entry in entries("header") {
        let answer = offered(&service, &entry).await;
        let status = answer.status.as_u16();
        assert!(entry.permits_status(status), "{}: {status} {}", entry.id, answer.text);
        let result = match entry.verdict() {
            "accept" => {
                let shown = &answer.json["customHeaders"]["X-Api-Key"];
                assert_eq!((status, shown), (201, &json!("***")), "{}", answer.text);
                "201: shown as ***".to_owned()
            }
            // What comes from a broker is read by the same type and goes to quarantine where that refuses it.
            "reject" | "quarantine" => {
                assert_eq!(status, 400, "{}: {}", entry.id, answer.text);
                said(&answer)
            }
            other => panic!("{}: {other} is unknown here", entry.id),
        };
        assert!(result.len() > "400: ".len(), "{}: no reason is given: {}", entry.id, answer.text);
        assert!(!answer.text.contains("s3cr3t-canary"), "{}", answer.text);
        section.record(&entry, &result);
    }
    section.finish();
}

#[sqlx::test(migrations = "../../migrations")]
async fn hostile_urls_are_refused_when_they_are_saved(pool: PgPool) {
    let service = Service::start(pool).await;
    let refused = |reason: &str| {
        reason == "forbidden_ip" || reason == "forbidden_url_syntax" || reason == "invalid_url"
    };
    let mut asked = 0;
    for entry in entries("ssrf_url").iter().chain(&entries("url_syntax")) {
        if !refused(entry.reason()) {
            continue;
        }
        let url = entry.text("url").replace("{ADMIN_PORT}", "8081");
        let answer = service.post(CONFIGURATIONS, &configuration("url", json!(url))).await;
        assert!(
            entry.permits_status(answer.status.as_u16()),
            "{}: {} {}",
            entry.id,
            answer.status,
            answer.text
        );
        assert!(!answer.messages("url").is_empty(), "{}: the field is not named: {}", entry.id, answer.text);
        asked += 1;
    }
    assert!(asked > 60, "only {asked} URLs were offered");
}
