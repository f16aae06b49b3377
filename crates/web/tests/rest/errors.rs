//! Error shapes, and requests no operation can read.

use crate::support::{Service, bare, json_request, raw_request};
use axum::body::Body;
use http::Request;
use serde_json::{Value, json};
use sqlx::PgPool;

const PATH: &str = "/api/v1/callback-configurations";

#[sqlx::test(migrations = "../../migrations")]
async fn the_shape_follows_accept(pool: PgPool) {
    let service = Service::start(pool).await;
    let ask = async |accept: Option<&'static str>| {
        let mut request = json_request("POST", PATH, &json!({}));
        if let Some(accept) = accept {
            request.headers_mut().insert("accept", accept.parse().expect("a value"));
        }
        service.send(request).await
    };
    for accept in [None, Some("application/json")] {
        let answer = ask(accept).await;
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(answer.json["error"], "Validation Failed");
        assert_eq!(answer.json["message"], "Invalid request parameters");
        assert_eq!(answer.json["code"], "VALIDATION_ERROR");
        assert_eq!(answer.json["path"], PATH);
        assert_eq!(answer.json["category"], "VALIDATION");
        assert_eq!(answer.json["retryable"], json!(false));
        assert!(answer.json["timestamp"].as_str().expect("text").ends_with('Z'));
        assert!(!answer.json.as_object().expect("object").values().any(Value::is_null), "nulls are left out");
        assert_eq!(answer.messages("name"), ["Name is required"]);
    }
    for accept in ["application/problem+json", "*/*", "application/*"] {
        let answer = ask(Some(accept)).await;
        assert_eq!(answer.header("content-type"), "application/problem+json", "{accept}");
        assert_eq!(answer.json["type"], "https://api.firefly.com/errors/validation_error");
        assert_eq!(answer.json["title"], "Validation Failed");
        assert_eq!((&answer.json["status"], &answer.json["code"]), (&json!(400), &json!("VALIDATION_ERROR")));
        assert_eq!(answer.messages("name"), ["Name is required"]);
        assert!(answer.json["extensions"]["requestId"].is_string());
    }
}

#[sqlx::test(migrations = "../../migrations")]
async fn unreadable_requests_are_refused_with_a_remedy(pool: PgPool) {
    let service = Service::start(pool).await;
    let deep = format!("{{\"metadata\":{}1{}}}", "[".repeat(200), "]".repeat(200));
    let json = "application/json";
    let cases: Vec<(Request<Body>, u16, &str)> = vec![
        (raw_request("POST", PATH, json, "{\n\"name\": tru"), 400, "line 2"),
        (raw_request("POST", PATH, json, ""), 400, "empty"),
        (raw_request("POST", PATH, json, "null"), 400, "object"),
        (raw_request("POST", PATH, json, "[]"), 400, "object"),
        (raw_request("POST", PATH, json, "{} {}"), 400, "line 1"),
        (raw_request("POST", PATH, json, deep), 400, "deep"),
        (raw_request("POST", PATH, json, "[".repeat(100_000)), 400, "deep"),
        (raw_request("POST", PATH, json, vec![0xff_u8, 0xfe, 0x7b, 0, 0x7d, 0]), 400, "JSON"),
        (
            raw_request("POST", PATH, json, format!("{{\"name\":\"{}\"}}", "x".repeat(1 << 20))),
            413,
            "1048576",
        ),
        (raw_request("POST", PATH, "text/plain", "{}"), 415, "application/json"),
        (raw_request("POST", PATH, "application/x-www-form-urlencoded", "a=b"), 415, "application/json"),
        (bare("POST", PATH), 415, "application/json"),
        (bare("GET", "/nowhere"), 404, "ROUTE_NOT_FOUND"),
        (bare("GET", "/api/v1/../../metrics"), 404, "ROUTE_NOT_FOUND"),
        (bare("PUT", PATH), 405, "METHOD_NOT_ALLOWED"),
        (bare("GET", &format!("{PATH}/nonsense")), 400, "id must be"),
        (bare("GET", &format!("{PATH}/%00")), 400, "id"),
        (bare("GET", &format!("{PATH}/%ff")), 400, "path"),
        (json_request("POST", PATH, &json!({"name": "a\u{0}b"})), 400, "name"),
    ];
    for (request, status, part) in cases {
        let named = format!("{} {}", request.method(), request.uri());
        let answer = service.send(request).await;
        assert_eq!(answer.status, status, "{named}: {}", answer.text);
        assert!(answer.text.contains(part), "{named} lacks {part}: {}", answer.text);
        assert!(answer.json["suggestion"].is_string(), "{named}: {}", answer.text);
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
    }
    let allowed = service.send(bare("PUT", PATH)).await;
    let allow = allowed.header("allow");
    assert!(allow.contains("GET") && allow.contains("POST"), "{allow}");
    let mut zipped = raw_request("POST", PATH, "application/json", "x");
    zipped.headers_mut().insert("content-encoding", "gzip".parse().expect("a value"));
    assert_eq!(service.send(zipped).await.status, 415);
}

#[sqlx::test(migrations = "../../migrations")]
async fn an_absent_database_is_said_so(pool: PgPool) {
    let service = Service::start(pool).await;
    service.close_database().await;
    for request in [
        bare("GET", PATH),
        bare("GET", "/api/v1/callback-executions"),
        json_request("POST", "/api/v1/authorized-domains", &json!({"domain": "a.example"})),
    ] {
        let named = request.uri().to_string();
        let answer = service.send(request).await;
        assert_eq!(answer.status, 503, "{named}: {}", answer.text);
        assert!(answer.header("retry-after").parse::<u32>().is_ok(), "{named}");
        assert_eq!(answer.json["retryable"], json!(true));
        assert!(!answer.text.to_lowercase().contains("sql"), "{}", answer.text);
    }
    assert_eq!(service.get("/actuator/health/readiness").await.status, 503);
    assert_eq!(service.get("/actuator/health/liveness").await.status, 200);
    assert_eq!(service.get("/actuator/health").await.json["components"]["db"]["status"], "DOWN");
}

#[sqlx::test(migrations = "../../migrations")]
async fn the_actuator_answers(pool: PgPool) {
    let service = Service::start(pool).await;
    let health = service.get("/actuator/health").await;
    assert_eq!((health.status.as_u16(), &health.json["status"]), (200, &json!("UP")), "{}", health.text);
    for component in ["db", "queue", "circuitBreakers", "sources"] {
        assert_eq!(health.json["components"][component]["status"], "UP", "{component}");
    }
    assert_eq!(service.get("/actuator/health/readiness").await.status, 200);
    assert_eq!(service.get("/actuator/info").await.json["build"]["name"], "callbacks");
    assert_eq!(service.get("/actuator/metrics").await.json["names"], json!(["a_total"]));
    assert_eq!(service.get("/actuator/metrics/a_total").await.json["measurements"][0]["value"], json!(1.0));
    assert_eq!(service.get("/actuator/metrics/none").await.status, 404);
    for path in ["/actuator/prometheus", "/metrics"] {
        let answer = service.get(path).await;
        assert!(answer.header("content-type").starts_with("text/plain; version=0.0.4"));
        assert!(answer.text.contains("a_total 1"));
    }
    assert_eq!(service.get("/v3/api-docs").await.json["openapi"], "3.1.0");
    let page = service.get("/swagger-ui.html").await;
    assert_eq!((page.status.as_u16(), page.header("location")), (303, "/swagger-ui/"));
    let page = service.get("/swagger-ui/").await;
    assert_eq!(page.status, 200);
    assert!(!page.text.contains("https://"), "no outside asset: {}", page.text);
}
