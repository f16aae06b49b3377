//! Secrets with a mark are set, used, rotated and failed with; then everything that leaves the service, or is left by it,
//! is searched for the mark: a dump of the database, the log at TRACE, the metrics, and what every GET answers.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use callbacks_testkit::hostile_corpus::{Section, entries};
use callbacks_testkit::webhook_receiver::{Answer, WebhookReceiver};
use reqwest::Method;
use serde_json::{Value, json};
use url::Url;

use crate::support::api::Api;
use crate::support::arrival::{at, header};
use crate::support::database::TestDatabase;
use crate::support::patience::eventually_true;
use crate::support::replica::Replica;

const LIMIT: Duration = Duration::from_secs(30);
const CONFIGURATIONS: &str = "/api/v1/callback-configurations";
const KEY: &str = "Y2FsbGJhY2tzLWVuZC10by1lbmQtdGVzdHMta2V5LTE=";
const SETTINGS: [(&str, &str); 2] =
    [("CALLBACKS_LOG__LEVEL", "trace"), ("CALLBACKS_SECURITY__AUTHENTICATION", "api-keys")];

/// A secret nobody else has, of the name of what it is used for. Its plain form has characters that URLs must encode.
fn canary(used_as: &str) -> String {
    format!("canary+{used_as}/{}", uuid::Uuid::new_v4().simple())
}

/// A secret in every form in which it could have slipped out. Base64 depends on what stands before: of each alignment, the
/// digits that depend on the secret alone.
fn forms(secret: &str) -> Vec<String> {
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    let url: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let mut forms = vec![secret.to_owned(), url, hex.to_uppercase(), hex];
    for before in 0..3 {
        let encoded = STANDARD.encode([vec![b' '; before], secret.as_bytes().to_vec()].concat());
        let own = &encoded[[0, 2, 3][before]..encoded.len() - 4];
        forms.push(own.to_owned());
        forms.push(own.replace('+', "-").replace('/', "_"));
    }
    forms
}

/// Where `text` holds one of the secrets, in any form.
fn leaks(place: &str, text: &str, secrets: &[(&str, String)]) -> Vec<String> {
    let found = |(name, secret): &(&str, String)| {
        forms(secret).into_iter().find(|form| text.contains(form.as_str())).map(|form| {
            let position = text.find(&form).unwrap_or_default();
            let from = text.floor_char_boundary(position.saturating_sub(120));
            let to = text.floor_char_boundary((position + 160).min(text.len()));
            format!("{place} shows the {name}: …{}…", &text[from..to])
        })
    };
    secrets.iter().filter_map(found).collect()
}

fn dump(database: &Url, form: &[&str]) -> String {
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut programs: Vec<PathBuf> = installed.map(|version| version.path().join("bin/pg_dump")).collect();
    programs.retain(|program| program.exists());
    programs.sort();
    let program = programs.pop().unwrap_or_else(|| PathBuf::from("pg_dump"));
    let output =
        Command::new(program).args(form).arg(database.as_str()).output().expect("pg_dump is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn new_key(database: &Url, arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_callbacks"))
        .args(["keys", "create"])
        .args(arguments)
        .env("CALLBACKS_DATABASE__URL", database.as_str())
        .env("CALLBACKS_SECURITY__ENCRYPTION_KEY", KEY)
        .output()
        .expect("the binary runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text").trim().to_owned()
}

/// Answers to every GET of the OpenAPI document, with the ids of what there is.
async fn every_answer(api: &Api, ids: &[(&str, String)]) -> Vec<(String, String)> {
    let document = api.expect(200, Method::GET, "/v3/api-docs", None).await;
    let mut answers = vec![("the OpenAPI document".to_owned(), document.to_string())];
    for (path, item) in document["paths"].as_object().expect("paths") {
        if item.get("get").is_none() {
            continue;
        }
        let known = ids.iter().find(|(prefix, _)| path.starts_with(prefix) && path.contains('{'));
        let target = match (path.split_once('{'), known) {
            (Some((before, rest)), Some((_, id))) => {
                format!("{before}{id}{}", rest.split_once('}').expect("a parameter").1)
            }
            (Some(_), None) => continue,
            (None, _) if path.ends_with("by-status") => format!("{path}?status=FAILED_PERMANENT"),
            (None, _) if path.ends_with("recent") => format!("{path}?configurationId={}", ids[0].1),
            (None, _) => path.clone(),
        };
        let answer = api.call(Method::GET, &target, None).await.expect("the service answers");
        let text = answer.body.as_str().map_or_else(|| answer.body.to_string(), str::to_owned);
        answers.push((format!("GET {target} ({})", answer.status.as_u16()), text));
    }
    answers
}

/// What is done with secrets, the ids of what came to be, and the answers to what did not.
struct Used {
    secrets: Vec<(&'static str, String)>,
    ids: Vec<(&'static str, String)>,
    refusals: Vec<(String, String)>,
}

async fn use_secrets(api: &Api, receiver: &WebhookReceiver) -> Used {
    let [first, second, third, refused] = ["first", "second", "third", "refused"].map(canary);
    let [token, password, cookie] = ["token", "password", "cookie"].map(canary);
    api.authorize(&receiver.host()).await;
    let changes = json!({
        "secret": first, "maxRetries": 1, "retryDelayMs": 100, "customHeaders": {"Authorization": token},
    });
    let id = api.configure(&receiver.url("/hook"), "order.created", changes).await;
    let path = format!("{CONFIGURATIONS}/{id}");
    let subscription = json!({
        "name": "orders", "messagingSystemType": "KAFKA", "topicOrQueue": "orders", "active": true,
        "connectionConfig": {"bootstrap.servers": "127.0.0.1:1", "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": "PLAIN", "sasl.username": "us", "sasl.password": password},
    });
    let subscription =
        api.expect(201, Method::POST, "/api/v1/event-subscriptions", Some(&subscription)).await;

    // Used, with success and without.
    api.publish("order.created", json!({"number": 1})).await;
    eventually_true(LIMIT, "it is delivered", async || at(receiver, "/hook").len() == 1).await;
    assert_eq!(header(&at(receiver, "/hook")[0], "authorization"), Some(token.as_str()), "is really sent");
    let session = format!("session={cookie}; HttpOnly");
    receiver.answer_all(Answer::status(500).header("set-cookie", &session).body("no"));
    api.publish("order.created", json!({"number": 2})).await;
    let failed = async || !api.executions(&id, "FAILED_PERMANENT").await.is_empty();
    eventually_true(LIMIT, "it fails", failed).await;
    // Rotated, in both ways.
    api.expect(200, Method::POST, &format!("{path}/secret"), Some(&json!({"secret": second}))).await;
    api.change(&id, json!({"secret": third})).await;
    // Failed with: a body that is refused, one that is no JSON, and a key that is not known.
    let wrong = json!({"name": "x".repeat(10_000), "secret": refused, "url": "no url"});
    let broken = Value::String(format!("{{\"secret\": \"{refused}\""));
    let mut refusals = Vec::new();
    for (method, path, body) in
        [(Method::POST, CONFIGURATIONS, wrong), (Method::PATCH, path.as_str(), broken)]
    {
        let answer = api.call(method, path, Some(&body)).await.expect("answers");
        assert!(answer.status.is_client_error(), "{}", answer.body);
        refusals.push(("a refusal".to_owned(), answer.body.to_string()));
    }
    let execution = api.executions(&id, "FAILED_PERMANENT").await.remove(0);
    let masked = |headers: &str, name: &str| execution[headers][name] == "***";
    assert!(
        masked("requestHeaders", "authorization") && masked("responseHeaders", "set-cookie"),
        "{execution}"
    );
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    Used {
        refusals,
        ids: vec![
            (CONFIGURATIONS, id.clone()),
            ("/api/v1/callback-executions/by-configuration", id),
            ("/api/v1/callback-executions", text(&execution["id"])),
            ("/api/v1/deliveries", text(&execution["deliveryId"])),
            ("/api/v1/events", text(&execution["eventId"])),
            ("/api/v1/event-subscriptions", text(&subscription["id"])),
            ("/api/v1/authorized-domains", "00000000-0000-0000-0000-000000000000".to_owned()),
        ],
        secrets: vec![
            ("first signing secret", first),
            ("second signing secret", second),
            ("third signing secret", third),
            ("refused secret", refused),
            ("endpoint's authorization", token),
            ("broker's password", password),
            ("endpoint's cookie", cookie),
        ],
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_is_found_anywhere() {
    let database = TestDatabase::create().await;
    let receiver = WebhookReceiver::start().await;
    let replica = Replica::start(database.url(), &SETTINGS).await;
    let operator = new_key(&database.url(), &[]);
    let api = replica.api().with_key(&operator);
    let known =
        async || api.call(Method::GET, CONFIGURATIONS, None).await.is_ok_and(|answer| answer.status == 200);
    eventually_true(LIMIT, "the key is known", known).await;
    let Used { mut secrets, ids, refusals } = use_secrets(&api, &receiver).await;
    let stranger = canary("stranger").replace(['+', '/'], "-");
    let refused = replica.api().with_key(&stranger).call(Method::GET, CONFIGURATIONS, None).await;
    assert_eq!(refused.expect("answers").status.as_u16(), 401);
    let made = api
        .expect(201, Method::POST, "/api/v1/api-keys", Some(&json!({"name": "n", "role": "operator"})))
        .await;
    let half = |key: &str| key.rsplit('_').next().expect("a key has parts").to_owned();
    secrets.push(("operator's key", half(&operator)));
    secrets.push(("key made over the API", half(made["key"].as_str().expect("is shown once"))));
    secrets.push(("unknown key", stranger));

    let mut found = Vec::new();
    for form in [&["--format=plain"][..], &["--format=custom", "--compress=0"]] {
        let dump = dump(&database.url(), form);
        assert!(dump.contains("callback_executions"), "a dump of nothing");
        found.extend(leaks("the database", &dump, &secrets));
    }
    let log = replica.log();
    assert!(log.contains("TRACE"), "the log is not at TRACE");
    found.extend(leaks("the log", &log, &secrets));
    let answers = every_answer(&api, &ids).await;
    let readable = answers.iter().filter(|(place, _)| place.ends_with("(200)")).count();
    assert!(readable >= 20, "{:?}", answers.iter().map(|(place, _)| place).collect::<Vec<_>>());
    assert!(
        answers.iter().any(|(place, text)| place.contains("/metrics (200)") && text.contains("callbacks_"))
    );
    for (place, text) in answers.iter().chain(&refusals) {
        found.extend(leaks(place, text, &secrets));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    record();
}

/// What the catalogue expects of this search.
fn record() {
    let mut section = Section::new("secrets_logging", file!());
    for entry in entries("secrets_logging") {
        let result = match entry.id.as_str() {
            "SL-001" => {
                "0 hits in pg_dump, plain and custom, as text, URL, hex and base64 of every alignment"
            }
            "SL-003" => {
                "0 hits in what every GET of the OpenAPI document answers, in the document and in refusals of bodies with secrets"
            }
            "SL-004" => {
                "0 hits in the rows: request headers, response headers (Set-Cookie) and errors are masked before"
            }
            _ => continue,
        };
        section.record(&entry, result);
    }
    section.finish();
}

#[test]
fn the_search_finds_every_form() {
    let secrets = [("secret", canary("form"))];
    let secret = &secrets[0].1;
    for offset in 0..5 {
        let text = [vec![b'x'; offset], secret.as_bytes().to_vec(), vec![b'y'; 9]].concat();
        assert_eq!(leaks("a text", &STANDARD.encode(text), &secrets).len(), 1, "base64 at {offset}");
    }
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    for text in [
        secret.clone(),
        hex,
        format!("a={}", url::form_urlencoded::byte_serialize(secret.as_bytes()).collect::<String>()),
    ] {
        assert_eq!(leaks("a text", &text, &secrets).len(), 1, "{text}");
    }
    assert!(leaks("a text", &STANDARD.encode(canary("form")), &secrets).is_empty());
}
