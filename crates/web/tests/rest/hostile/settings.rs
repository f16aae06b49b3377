//! Configurations that would send unsigned, sign with what is no key, or trust every certificate.

use callbacks_testkit::hostile_corpus::{Entry, Section, entries};
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::support::Service;

const CONFIGURATIONS: &str = "/api/v1/callback-configurations";

fn entry(category: &str, id: &str) -> Entry {
    entries(category).into_iter().find(|entry| entry.id == id).expect("is in the catalogue")
}

/// Offers a configuration with `more` in it, new and as a change of one that is there; the message both are refused with.
async fn refused(service: &Service, more: &Value, field: &str) -> String {
    let mut body = json!({"name": "n", "url": "https://example.com/h", "subscribedEventTypes": ["*"]});
    let made = service.post(CONFIGURATIONS, &body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let one = format!("{CONFIGURATIONS}/{}", made.json["id"].as_str().expect("an id"));
    for (name, value) in more.as_object().expect("an object") {
        body[name] = value.clone();
    }
    let mut messages = Vec::new();
    let offers = [("POST", CONFIGURATIONS, &body), ("PUT", &one, &body), ("PATCH", &one, more)];
    for (method, path, body) in offers {
        let answer = service.call(method, path, body).await;
        assert_eq!(answer.status, 400, "{method} {more}: {}", answer.text);
        let said = answer.messages(field);
        assert!(!said.is_empty(), "{method} {more} names {field}: {}", answer.text);
        messages.push(said[0].to_owned());
    }
    assert!(messages.iter().all(|message| *message == messages[0]), "{messages:?}");
    format!("400: {}", messages[0])
}

#[sqlx::test(migrations = "../../migrations")]
async fn nothing_is_sent_unsigned_by_mistake(pool: PgPool) {
    let service = Service::start(pool).await;
    let mut section = Section::new("signature", file!());
    let blank = json!({"signatureEnabled": true, "secret": ""});
    section.record(&entry("signature", "SG-007"), &refused(&service, &blank, "secret").await);
    let mut said = Vec::new();
    for secret in ["whsec_not base64!", "whsec_", "whsec_A", "whsec_\u{a0}"] {
        let keyed = json!({"wireProfile": "STANDARD_WEBHOOKS", "signatureEnabled": true, "secret": secret});
        said.push(refused(&service, &keyed, "secret").await);
    }
    section.record(&entry("signature", "SG-009"), &said[0]);
    section.finish();
}

#[sqlx::test(migrations = "../../migrations")]
async fn certificates_are_always_verified(pool: PgPool) {
    let service = Service::start(pool).await;
    let mut said = Vec::new();
    for name in ["verify", "tlsVerify", "insecure", "insecureSkipVerify"] {
        for value in [json!(false), json!(true), json!("false")] {
            let tls = json!({"tls": {name: value}});
            said.push(refused(&service, &tls, &format!("tls.{name}")).await);
        }
    }
    let mut section = Section::new("tls", file!());
    section.record(&entry("tls", "TL-030"), &said[0]);
    section.finish();
}
