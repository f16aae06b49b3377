use std::time::{Duration, Instant};

use axum::body::Body;
use base64::Engine as _;
use callbacks_testkit::hostile_corpus::{Entry, Section, entries};
use http::Request;
use serde_json::{Map, Value, json};
use sqlx::PgPool;
use tokio::io::AsyncWriteExt;

use crate::limits::{Listening, brisk};
use crate::support::{Answer, Service, raw_request};

const CONFIGURATIONS: &str = "/api/v1/callback-configurations";
const EVENTS: &str = "/api/v1/events";
/// The catalogue says one second; a debug build on a busy machine gets more.
const WALL: Duration = Duration::from_secs(5);

fn complete() -> Value {
    json!({"name": "n", "url": "https://example.com/h", "subscribedEventTypes": ["*"]})
}

fn number(entry: &Entry, key: &str) -> usize {
    usize::try_from(entry.input[key].as_u64().expect("a number")).expect("small")
}

/// The body an entry stands for.
fn body_of(entry: &Entry) -> Vec<u8> {
    match entry.text("gen") {
        "nested_arrays" => {
            let depth = number(entry, "depth");
            format!("{{\"metadata\":{{\"a\":{}{}}}}}", "[".repeat(depth), "]".repeat(depth)).into()
        }
        "nested_objects" => {
            let depth = number(entry, "depth");
            format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth)).into()
        }
        "raw" => entry.text("raw").into(),
        "raw_b64" => base64::engine::general_purpose::STANDARD.decode(entry.text("b64")).expect("base64"),
        "many_keys" => {
            let keys: Vec<String> = (0..number(entry, "keys")).map(|key| format!("\"k{key}\":1")).collect();
            format!("{{\"metadata\":{{{}}}}}", keys.join(",")).into()
        }
        "content_type" => complete().to_string().into(),
        // Compressed data whose length says nothing about what is inside.
        "gzip_bomb" => vec![0; 10 << 10],
        other => panic!("{}: no body is known for {other}", entry.id),
    }
}

/// What a field of an entry means only in a whole configuration.
fn completed(body: Vec<u8>) -> Vec<u8> {
    let Ok(members) = serde_json::from_slice::<Map<String, Value>>(&body) else { return body };
    let mut whole = complete();
    for (name, value) in members {
        whole[name] = value;
    }
    whole.to_string().into_bytes()
}

fn request(entry: &Entry) -> Request<Body> {
    let body = body_of(entry);
    if entry.input["target"] == "publish" {
        let event = [br#"{"type":"hostile","payload":"#.as_slice(), &body, b"}"].concat();
        return raw_request("POST", EVENTS, "application/json", event);
    }
    let content_type = entry.input["ct"].as_str().unwrap_or("application/json");
    let mut request = raw_request("POST", CONFIGURATIONS, content_type, completed(body));
    if entry.text("gen") == "gzip_bomb" {
        request.headers_mut().insert("content-encoding", "gzip".parse().expect("a value"));
    }
    request
}

fn judged(entry: &Entry, status: u16, text: &str) {
    assert!(status < 500, "{}: {status} {text}", entry.id);
    match entry.verdict() {
        "reject" => assert!((400..500).contains(&status), "{}: {status} {text}", entry.id),
        _ => assert!((200..300).contains(&status), "{}: {status} {text}", entry.id),
    }
    assert!(
        entry.permits_status(status),
        "{}: {status} is not among {}",
        entry.id,
        entry.expect["http_status"]
    );
}

/// A payload is kept byte by byte, whatever JSON makes of it.
async fn kept_as_sent(service: &Service, entry: &Entry, answer: &Answer) {
    let id = answer.json["eventId"].as_str().expect("an id");
    let stored: Vec<u8> =
        sqlx::query_scalar("SELECT payload FROM events WHERE coalesce(event_id, id::text) = $1")
            .bind(id)
            .fetch_one(&service.pool)
            .await
            .expect("the event");
    assert_eq!(stored, body_of(entry), "{}", entry.id);
}

/// One byte now and then, and never the last one.
async fn dribbled(pool: PgPool) -> String {
    let service = Listening::start(pool, brisk()).await;
    let mut stream = service.connect().await;
    let head = format!(
        "POST {CONFIGURATIONS} HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.expect("written");
    let (mut reader, mut writer) = stream.into_split();
    let dribbling = tokio::spawn(async move {
        while writer.write_all(b"1\r\n{\r\n").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    let mut answer = [0; 12];
    let read = tokio::io::AsyncReadExt::read_exact(&mut reader, &mut answer);
    tokio::time::timeout(WALL, read).await.expect("in time").expect("an answer");
    dribbling.abort();
    String::from_utf8_lossy(&answer[9..]).into_owned()
}

#[sqlx::test(migrations = "../../migrations")]
async fn every_body_is_refused_or_taken_as_data(pool: PgPool) {
    let service = Service::start(pool.clone()).await;
    let mut section = Section::new("json_body", file!());
    for entry in entries("json_body") {
        if entry.text("gen") == "zero_length_chunks" {
            let status = dribbled(pool.clone()).await;
            judged(&entry, status.parse().expect("a status"), "");
            section.record(&entry, &format!("{status} REQUEST_TIMEOUT"));
            continue;
        }
        let request = request(&entry);
        let begun = Instant::now();
        let answer = service.send(request).await;
        assert!(begun.elapsed() < WALL, "{}: {:?}", entry.id, begun.elapsed());
        judged(&entry, answer.status.as_u16(), &answer.text);
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{}", entry.id);
        assert_eq!(answer.header("content-type"), "application/json", "{}", entry.id);
        if entry.input["target"] == "publish" {
            kept_as_sent(&service, &entry, &answer).await;
        }
        section.record(
            &entry,
            format!("{} {}", answer.status.as_u16(), answer.json["code"].as_str().unwrap_or("")).trim(),
        );
    }
    section.finish();
}
