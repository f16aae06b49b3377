//! The encryption key is changed while the service delivers, and the change is killed in the middle.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use callbacks_testkit::hostile_corpus::{Section, entries};
use callbacks_testkit::webhook_receiver::WebhookReceiver;
use reqwest::Method;
use serde_json::json;
use sqlx::{Connection as _, PgConnection};
use url::Url;

use crate::support::arrival::{at, header};
use crate::support::database::TestDatabase;
use crate::support::patience::eventually_true;
use crate::support::replica::Replica;

const OLD: &str = "Y2FsbGJhY2tzLWVuZC10by1lbmQtdGVzdHMta2V5LTE=";
const BOTH: &str =
    "k2:Y2FsbGJhY2tzLWVuZC10by1lbmQtdGVzdHMta2V5LTI=,k1:Y2FsbGJhY2tzLWVuZC10by1lbmQtdGVzdHMta2V5LTE=";
const NEW: &str = "k2:Y2FsbGJhY2tzLWVuZC10by1lbmQtdGVzdHMta2V5LTI=";
const KEY: &str = "CALLBACKS_SECURITY__ENCRYPTION_KEY";
const ENDPOINTS: usize = 120;
const LIMIT: Duration = Duration::from_secs(30);

fn command(database: &Url, keys: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_callbacks"));
    command.args(arguments).env("CALLBACKS_DATABASE__URL", database.as_str()).env(KEY, keys);
    command
}

fn run(database: &Url, keys: &str, arguments: &[&str]) -> Output {
    command(database, keys, arguments).output().expect("the binary runs")
}

/// Starts the rotation, kills it with SIGKILL after some steps, and says how many were printed.
fn killed_midway(database: &Url) -> usize {
    let mut rotation = command(database, BOTH, &["keys", "rotate-encryption", "--batch", "1"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary starts");
    let printed = BufReader::new(rotation.stdout.take().expect("is piped")).lines().take(30).count();
    rotation.kill().expect("is running");
    rotation.wait().expect("ends");
    printed
}

async fn secrets_with_key(database: &Url, key: &str) -> i64 {
    let mut connection = PgConnection::connect(database.as_str()).await.expect("connects");
    sqlx::query_scalar("SELECT count(*) FROM callback_configurations WHERE starts_with(secret, $1)")
        .bind(format!("v1:{key}:"))
        .fetch_one(&mut connection)
        .await
        .expect("counts")
}

/// Sends the same bytes to every endpoint, and returns the signatures: they depend on the secrets and the bytes only.
async fn signatures(replica: &Replica, receiver: &WebhookReceiver) -> Vec<String> {
    let before = at(receiver, "/hook").len();
    replica.api().publish("order.created", json!({"always": "the same"})).await;
    let all_arrived = async || at(receiver, "/hook").len() >= before + ENDPOINTS;
    eventually_true(LIMIT, "every endpoint is called", all_arrived).await;
    let mut signatures: Vec<String> = at(receiver, "/hook")[before..]
        .iter()
        .map(|request| header(request, "x-firefly-signature").expect("is signed").to_owned())
        .collect();
    signatures.sort_unstable();
    signatures
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_key_is_rotated_under_a_running_service_and_a_kill_loses_nothing() {
    let database = TestDatabase::create().await;
    let url = database.url();
    let receiver = WebhookReceiver::start().await;
    let replica = Replica::start(database.url(), &[(KEY, OLD)]).await;
    let api = replica.api();
    api.authorize(&receiver.host()).await;
    for number in 0..ENDPOINTS {
        let changes = json!({ "secret": format!("secret-{number}"), "signatureEnabled": true });
        api.configure(&receiver.url("/hook"), "order.created", changes).await;
    }
    let expected = signatures(&replica, &receiver).await;
    drop(replica);

    let replica = Replica::start(database.url(), &[(KEY, BOTH)]).await;
    assert_eq!(killed_midway(&url), 30);
    let moved = secrets_with_key(&url, "k2").await;
    assert!((1..ENDPOINTS as i64).contains(&moved), "killed in the middle, after {moved}");
    assert_eq!(moved + secrets_with_key(&url, "k1").await, ENDPOINTS as i64);
    assert_eq!(signatures(&replica, &receiver).await, expected, "half rotated");
    let early = run(&url, NEW, &["serve"]);
    let refused = String::from_utf8_lossy(&early.stderr).into_owned();
    assert!(!early.status.success() && refused.contains("\"k1\", which is not configured"), "{refused}");

    let finished = run(&url, BOTH, &["keys", "rotate-encryption"]);
    let told = String::from_utf8_lossy(&finished.stdout).into_owned();
    assert!(finished.status.success() && told.contains("encrypted with key \"k2\""), "{told}");
    assert_eq!(secrets_with_key(&url, "k2").await, ENDPOINTS as i64);
    let told = replica.api().expect(200, Method::GET, "/api/v1/audit-log?limit=3", None).await;
    let states = [0, 1, 2].map(|at| told[at]["after"]["state"].as_str().unwrap_or_default().to_owned());
    assert_eq!(states, ["done", "begun", "begun"], "the killed one is told too: {told}");
    assert_eq!(signatures(&replica, &receiver).await, expected, "rotated");
    drop(replica);

    let replica = Replica::start(database.url(), &[(KEY, NEW)]).await;
    assert_eq!(signatures(&replica, &receiver).await, expected, "without the old key");

    let mut section = Section::new("secrets_logging", file!());
    let entry = entries("secrets_logging").into_iter().find(|entry| entry.id == "SL-009").expect("is listed");
    let result = "with 120 secrets: killed midway and finished, 4 x 120 deliveries signed right before, during and after, \
                  the last ones without the old key";
    section.record(&entry, result);
    section.finish();
}
