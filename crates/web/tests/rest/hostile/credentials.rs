use std::time::Duration;

use callbacks_core::access::role::Role;
use callbacks_core::clock::{Clock, SystemClock};
use callbacks_testkit::hostile_corpus::{Entry, Section, entries};
use serde_json::json;
use sqlx::PgPool;

use crate::guarded::{Guarded, configuration, with_key};
use crate::limits::{self, Listening, brisk};
use crate::support::{Answer, bare, json_request};

const CONFIGURATIONS: &str = "/api/v1/callback-configurations";
const EVENTS: &str = "/api/v1/events";
/// Enough that all of them are under way at once.
const AT_ONCE: usize = 200;

fn judged(entry: &Entry, status: u16) -> String {
    assert!(
        entry.permits_status(status),
        "{}: {status} is not among {}",
        entry.id,
        entry.expect["http_status"]
    );
    status.to_string()
}

/// An entry that is settled by what one request is answered.
async fn answered(service: &Guarded, entry: &Entry) -> Option<Answer> {
    let input = &entry.input;
    let admin = service.key(Role::TenantAdmin, Some("tenant-a")).await;
    if let Some(request) = input["request"].as_str() {
        if request.contains("Idempotency-Key") {
            return Some(key_used_twice(service, &admin).await);
        }
        let (method, path) = request.split_once(' ').expect("method and path");
        let a_config = service.create(&admin, CONFIGURATIONS, &configuration()).await;
        let path = path.replace("{a_config}", &a_config);
        let key = match input["auth"].as_str() {
            Some("read-only key") => service.key(Role::TenantViewer, Some("tenant-a")).await,
            _ => admin,
        };
        return Some(service.ask(&key, bare(method, &path)).await);
    }
    if input["error_probe"] == "database down" {
        service.service.close_database().await;
        return Some(service.get(&admin, CONFIGURATIONS).await);
    }
    let auth = input["auth"].as_str()?;
    Some(match auth {
        "expired key" => {
            let soon = SystemClock.now() + time::Duration::milliseconds(300);
            let key = service.key_until(Role::TenantAdmin, Some("tenant-a"), Some(soon)).await;
            tokio::time::sleep(Duration::from_millis(400)).await;
            service.get(&key, CONFIGURATIONS).await
        }
        text if text.contains("api_key=") => {
            service.service.get(&format!("{CONFIGURATIONS}?api_key={admin}")).await
        }
        header => {
            let mut request = bare("GET", CONFIGURATIONS);
            request.headers_mut().insert("authorization", header.parse().expect("a value"));
            service.service.send(request).await
        }
    })
}

async fn key_used_twice(service: &Guarded, admin: &str) -> Answer {
    let request = |name: &str| {
        let mut body = configuration();
        body["name"] = name.into();
        let mut request = with_key(json_request("POST", CONFIGURATIONS, &body), admin);
        request.headers_mut().insert("x-idempotency-key", "one".parse().expect("a value"));
        request
    };
    assert_eq!(service.service.send(request("first")).await.status, 201);
    service.service.send(request("second")).await
}

/// Keys nobody has, many at once: all are told so, and who has one does not notice.
async fn guessed(service: &Guarded) -> u16 {
    let good = service.key(Role::TenantViewer, Some("tenant-a")).await;
    let guesses = (0..1000).map(|number| {
        let guess = format!("cbk_{number:032x}_{number:064x}");
        async move { service.get(&guess, CONFIGURATIONS).await.status.as_u16() }
    });
    let statuses = futures::future::join_all(guesses).await;
    assert!(statuses.iter().all(|status| *status == 401), "{statuses:?}");
    assert_eq!(service.get(&good, CONFIGURATIONS).await.status, 200);
    401
}

/// An entry that needs a socket.
async fn over_socket(service: &Listening, entry: &Entry) -> Option<String> {
    let input = &entry.input;
    let patience = Duration::from_secs(4);
    if let Some(flood) = input["h2"].as_str() {
        let answer = limits::flood(service, limits::frames_of(flood)?).await;
        assert!(limits::kinds(&answer).contains(&limits::GOAWAY), "{}", entry.id);
        return Some("GOAWAY".to_owned());
    }
    let head = |lines: &str| format!("GET / HTTP/1.1\r\nhost: a\r\n{lines}\r\n");
    let bytes = match (input["raw"].as_str(), input["headers"].as_str()) {
        (Some(raw), _) => raw.to_owned(),
        (_, Some("1,000 header lines")) => head(&"x: y\r\n".repeat(1000)),
        (_, Some("one 128 KiB header")) => head(&format!("x: {}\r\n", "y".repeat(128 << 10))),
        _ if input.get("slow_body").is_some() => {
            let post = format!(
                "POST {EVENTS} HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{{"
            );
            let slow = (0..AT_ONCE).map(|_| service.exchange(post.as_bytes(), patience));
            let answers = futures::future::join_all(slow).await;
            for answer in &answers {
                judged(entry, limits::status(answer));
            }
            return Some(judged(entry, limits::status(&answers[0])));
        }
        _ => return None,
    };
    let answer = service.exchange(bytes.as_bytes(), patience).await;
    Some(judged(entry, limits::status(&answer)))
}

#[sqlx::test(migrations = "../../migrations")]
async fn nobody_is_let_in_or_lets_others_wait(pool: PgPool) {
    let service = Guarded::start(pool.clone()).await;
    let listening = Listening::start(pool, brisk()).await;
    let mut section = Section::new("auth_api", file!());
    let (last, entries): (Vec<_>, Vec<_>) =
        entries("auth_api").into_iter().partition(|entry| entry.input.get("error_probe").is_some());
    // The database goes away for good.
    for entry in entries.into_iter().chain(last) {
        let result = if entry.input.get("failed_auth").is_some() {
            judged(&entry, guessed(&service).await)
        } else if let Some(answer) = answered(&service, &entry).await {
            assert!(!answer.text.contains("postgres") && !answer.text.contains("sqlx"), "{}", answer.text);
            let code = answer.json["code"].as_str().unwrap_or_default();
            format!("{} {code}", judged(&entry, answer.status.as_u16())).trim().to_owned()
        } else if let Some(result) = over_socket(&listening, &entry).await {
            assert!(listening.answers().await, "{} harms nobody else", entry.id);
            result
        } else {
            panic!("{}: nobody knows how to do {}", entry.id, entry.input);
        };
        section.record(&entry, &result);
    }
    section.finish();
}

/// What a browser or a scanner would like to know.
#[sqlx::test(migrations = "../../migrations")]
async fn answers_name_no_version_and_open_no_origin(pool: PgPool) {
    let service = Guarded::start(pool).await;
    let admin = service.key(Role::TenantAdmin, Some("tenant-a")).await;
    for path in [CONFIGURATIONS, "/nowhere", "/actuator/health", "/openapi.json"] {
        for method in ["GET", "OPTIONS", "POST"] {
            let mut request = with_key(bare(method, path), &admin);
            request.headers_mut().insert("origin", "https://evil.example".parse().expect("a value"));
            request.headers_mut().insert("access-control-request-method", "GET".parse().expect("a value"));
            let answer = service.service.send(request).await;
            for header in
                ["access-control-allow-origin", "access-control-allow-credentials", "server", "x-powered-by"]
            {
                assert_eq!(answer.header(header), "", "{method} {path} {header}");
            }
            if path != "/openapi.json" {
                assert!(!answer.text.contains(env!("CARGO_PKG_VERSION")), "{method} {path}: {}", answer.text);
            }
        }
    }
    let info = service.get(&admin, "/actuator/info").await;
    assert_eq!(info.status, 403, "the version is the operator's: {}", json!(info.text));
}
