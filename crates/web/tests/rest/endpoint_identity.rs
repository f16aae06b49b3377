//! `endpointAuth` and `tls`: checked when written, kept by PUT, removed by PATCH with null, and never shown.

use callbacks_testkit::certificates::{CertificateAuthority, ClientPem};
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::support::Service;

const BASE: &str = "/api/v1/callback-configurations";

fn configuration(extra: &Value) -> Value {
    let mut body = json!({"name": "n", "url": "https://example.com/h", "subscribedEventTypes": ["*"]});
    for (name, value) in extra.as_object().expect("an object") {
        body[name] = value.clone();
    }
    body
}

fn flags(view: &Value) -> [bool; 2] {
    assert_eq!((&view["endpointAuth"], &view["tls"]), (&Value::Null, &Value::Null), "shown: {view}");
    ["endpointAuthConfigured", "tlsConfigured"].map(|name| view[name].as_bool().expect("a flag"))
}

#[sqlx::test(migrations = "../../migrations")]
async fn they_are_kept_replaced_and_removed_like_the_secret(pool: PgPool) {
    let service = Service::start(pool).await;
    let authority = CertificateAuthority::new();
    let bearer = json!({"type": "BEARER", "token": "canary"});
    let extra = json!({"endpointAuth": bearer, "tls": {"caPem": authority.pem()}});
    let made = service.post(BASE, &configuration(&extra)).await;
    assert_eq!((made.status.as_u16(), flags(&made.json)), (201, [true, true]), "{}", made.text);
    let one = format!("{BASE}/{}", made.json["id"].as_str().expect("an id"));
    let put = service.call("PUT", &one, &configuration(&json!({"tls": null}))).await;
    assert_eq!((put.status.as_u16(), flags(&put.json)), (200, [true, true]), "PUT keeps them: {}", put.text);
    let patched = service.call("PATCH", &one, &json!({"tls": null})).await;
    assert_eq!((patched.status.as_u16(), flags(&patched.json)), (200, [true, false]), "{}", patched.text);
    let other = json!({"endpointAuth": {"type": "BASIC", "username": "shop", "password": "canary"}});
    assert_eq!(flags(&service.call("PATCH", &one, &other).await.json), [true, false]);
    assert_eq!(
        flags(&service.call("PATCH", &one, &json!({"endpointAuth": null})).await.json),
        [false, false]
    );
    let found = service.post(&format!("{BASE}/filter"), &json!({"filters": {"tlsConfigured": false}})).await;
    assert_eq!(found.status, 200, "{}", found.text);
    let stored = "SELECT count(*) FROM callback_configurations c WHERE c::text LIKE '%canary%'";
    let clear: i64 = sqlx::query_scalar(stored).fetch_one(&service.pool).await.expect("the database answers");
    assert_eq!(clear, 0);
}

#[sqlx::test(migrations = "../../migrations")]
async fn what_cannot_work_is_refused_with_its_field_and_never_quoted(pool: PgPool) {
    let service = Service::start(pool).await;
    let authority = CertificateAuthority::new();
    let ClientPem { certificate, key } = authority.issue_client("shop");
    let other = authority.issue_client("other");
    let expired = authority.issue_expired_client("late");
    let oauth = |token_url: &str| json!({"endpointAuth": {"type": "OAUTH2_CLIENT_CREDENTIALS", "tokenUrl": token_url, "clientId": "c", "clientSecret": "canary"}});
    for (extra, field, text) in [
        (json!({"endpointAuth": "Bearer canary"}), "endpointAuth", "must be an object"),
        (json!({"endpointAuth": {"token": "canary"}}), "endpointAuth.type", "needs a type"),
        (
            json!({"endpointAuth": {"type": "BEARER", "token": "canary canary"}}),
            "endpointAuth.token",
            "RFC 6750",
        ),
        (oauth("http://10.0.0.1/token"), "endpointAuth.tokenUrl", "private network"),
        (oauth("https://user:canary@login.example.com/"), "endpointAuth.tokenUrl", "credentials"),
        (json!({"tls": "canary"}), "tls", "must be an object"),
        (json!({"tls": {"caPem": "canary"}}), "tls.caPem", "BEGIN CERTIFICATE"),
        (json!({"tls": {"clientCertPem": certificate}}), "tls.clientKeyPem", "required"),
        (
            json!({"tls": {"clientCertPem": certificate, "clientKeyPem": other.key}}),
            "tls.clientKeyPem",
            "does not belong",
        ),
        (
            json!({"tls": {"clientCertPem": key, "clientKeyPem": key}}),
            "tls.clientCertPem",
            "BEGIN CERTIFICATE",
        ),
        (
            json!({"tls": {"clientCertPem": expired.certificate, "clientKeyPem": expired.key}}),
            "tls.clientCertPem",
            "expired on",
        ),
        (json!({"tls": {"caPem": authority.pem(), "verify": false}}), "tls.verify", "always verified"),
        (json!({"tls": {"caPem": authority.pem()}, "url": "http://example.com/"}), "tls", "https://"),
        (
            json!({"endpointAuth": {"type": "BEARER", "token": "abc"}, "customHeaders": {"authorization": "canary"}}),
            "customHeaders.authorization",
            "already sets",
        ),
    ] {
        let answer = service.post(BASE, &configuration(&extra)).await;
        assert_eq!(answer.status, 400, "{extra}: {}", answer.text);
        let messages = answer.messages(field);
        assert!(
            messages.iter().any(|message| message.contains(text)),
            "{field} lacks {text}: {}",
            answer.text
        );
        assert!(!answer.text.contains("canary") && !answer.text.contains("PRIVATE"), "{}", answer.text);
    }
}
