//! What the service says as it starts, to whoever has not decided yet who may do what.

use std::process::{Command, Output};

use reqwest::Method;
use url::Url;

use crate::support::database::TestDatabase;
use crate::support::replica::Replica;

const ENCRYPTION_KEY: &str = "Y2FsbGJhY2tzLWVuZC10by1lbmQtdGVzdHMta2V5LTE=";
const OPEN_TO_ALL: (&str, &str) = ("CALLBACKS_SERVER__HOST", "0.0.0.0");
const DELIBERATELY: (&str, &str) = ("CALLBACKS_SECURITY__ALLOW_UNAUTHENTICATED", "true");

fn callbacks(database: &Url, arguments: &[&str], settings: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_callbacks"))
        .args(arguments)
        .env("CALLBACKS_DATABASE__URL", database.as_str())
        .env("CALLBACKS_SECURITY__ENCRYPTION_KEY", ENCRYPTION_KEY)
        .envs(settings.iter().copied())
        .output()
        .expect("the binary runs")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_start_says_how_to_make_the_first_key() {
    let database = TestDatabase::create().await;
    let settings = [("CALLBACKS_SECURITY__AUTHENTICATION", "api-keys")];
    let mut replica = Replica::start(database.url(), &settings).await;
    let log = replica.log();
    assert!(log.contains("No operator key exists yet"), "{log}");
    let advice = log.lines().map(str::trim).find(|line| line.starts_with("callbacks keys create"));
    assert_eq!(advice, Some(r#"callbacks keys create --role operator --name "your name""#), "{log}");

    let advised = ["keys", "create", "--role", "operator", "--name", "your name"];
    let made = callbacks(&database.url(), &advised, &settings);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let key = String::from_utf8(made.stdout).expect("a key");
    replica.kill();
    replica.restart().await;
    assert_eq!(replica.log().matches("No operator key exists yet").count(), 1, "now there is one");
    replica.api().with_key(key.trim()).expect(200, Method::GET, "/api/v1/tenants", None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_authentication_other_machines_are_let_in_only_deliberately() {
    let database = TestDatabase::create().await;
    let refused = callbacks(&database.url(), &["serve"], &[OPEN_TO_ALL]);
    let sentence = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success(), "{sentence}");
    for part in ["server.host is 0.0.0.0", "security.authentication", "security.allow_unauthenticated = true"]
    {
        assert!(sentence.contains(part), "{part}: {sentence}");
    }
    let replica = Replica::start(database.url(), &[OPEN_TO_ALL, DELIBERATELY]).await;
    let log = replica.log();
    let warned = |line: &&str| line.contains("WARN") && line.contains("(security.allow_unauthenticated)");
    let warning = log.lines().find(warned).unwrap_or_else(|| panic!("no warning in {log}"));
    assert!(warning.contains("may do everything"), "{warning}");
}
