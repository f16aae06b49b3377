//! Tokens of an identity provider: good ones open, everything else is told what is wrong with it.

use std::time::Duration;

use callbacks_core::access::role::Role;
use callbacks_core::clock::{Clock, SystemClock};
use callbacks_testkit::identity_provider::SigningKey;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::guarded::{configuration, with_key};
use crate::provided::{AUDIENCE, ISSUER, Provided, claims};
use crate::support::{Answer, bare};

const PATH: &str = "/api/v1/callback-configurations";

fn refused(answer: &Answer, reason: &str) {
    assert_eq!(
        (answer.status.as_u16(), &answer.json["code"]),
        (401, &json!("INVALID_TOKEN")),
        "{}",
        answer.text
    );
    let challenge = answer.header("www-authenticate");
    assert!(challenge.starts_with("Bearer realm=\"callbacks\", error=\"invalid_token\""), "{challenge}");
    assert!(challenge.contains(reason), "{challenge} instead of {reason}");
    assert!(answer.text.contains(reason), "{}", answer.text);
}

#[sqlx::test(migrations = "../../migrations")]
async fn tokens_of_every_accepted_algorithm_open_what_their_role_may(pool: PgPool) {
    let keys = [SigningKey::rs256("rsa"), SigningKey::es256("ec"), SigningKey::ed25519("ed")];
    let service = Provided::start(pool, &keys.each_ref(), |_| {}).await;
    for (number, key) in keys.iter().enumerate() {
        let token = key.sign(&claims(&format!("user-{number}"), "tenant-admin", "tenant-a"));
        let made = service.call(&token, "POST", PATH, &configuration()).await;
        assert_eq!(
            (made.status.as_u16(), &made.json["tenantId"]),
            (201, &json!("tenant-a")),
            "{}",
            made.text
        );
        let id = made.json["id"].as_str().expect("an id").to_owned();
        let foreign = key.sign(&claims("bob", "tenant-admin", "tenant-b"));
        assert_eq!(service.get(&foreign, &format!("{PATH}/{id}")).await.status, 404);
        let viewer = key.sign(&claims("eve", "tenant-viewer", "tenant-a"));
        assert_eq!(service.get(&viewer, &format!("{PATH}/{id}")).await.status, 200);
        let forbidden = service.call(&viewer, "DELETE", &format!("{PATH}/{id}"), &json!({})).await;
        assert_eq!((forbidden.status.as_u16(), forbidden.header("www-authenticate")), (403, ""));
    }
    let operator = json!({"iss": ISSUER, "aud": [AUDIENCE, "else"], "exp": 4_000_000_000_u64, "sub": "root",
        "role": "operator"});
    let operator = keys[2].sign(&operator);
    assert_eq!(service.get(&operator, "/metrics").await.status, 200);
    let log = service.get(&operator, "/api/v1/audit-log").await;
    for actor in ["jwt:user-0", "jwt:user-1", "jwt:user-2"] {
        assert!(log.text.contains(actor), "{actor}: {}", log.text);
    }
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_token_for_somebody_else_or_another_time_is_refused(pool: PgPool) {
    let key = SigningKey::ed25519("k");
    let service = Provided::start(pool, &[&key], |_| {}).await;
    let now = SystemClock.now().unix_timestamp();
    let with = |name: &str, value: Value| {
        let mut claims = claims("ada", "tenant-admin", "tenant-a");
        claims[name] = value;
        key.sign(&claims)
    };
    for (token, reason) in [
        (with("iss", json!("https://elsewhere.example")), "iss"),
        (with("aud", json!("another-service")), "aud"),
        (with("aud", Value::Null), "aud"),
        (with("exp", json!(now - 31)), "expired"),
        (with("exp", Value::Null), "exp is missing"),
        (with("nbf", json!(now + 60)), "not valid yet"),
        (with("sub", Value::Null), "sub"),
    ] {
        refused(&service.get(&token, PATH).await, reason);
    }
    for (token, sentence) in [
        (with("tenant_id", Value::Null), "names no tenant"),
        (with("tenant_id", json!({"id": "tenant-a"})), "no tenant id"),
        (with("role", json!("janitor")), "names no role"),
        (with("role", json!("operator")), "no operator's"),
    ] {
        let answer = service.get(&token, PATH).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.json["code"]),
            (403, &json!("FORBIDDEN")),
            "{}",
            answer.text
        );
        assert!(answer.text.contains(sentence), "{}", answer.text);
    }
    let short = with("exp", json!(now - 29));
    assert_eq!(service.get(&short, PATH).await.status, 200, "the leeway");
    tokio::time::sleep(Duration::from_millis(2100)).await;
    refused(&service.get(&short, PATH).await, "expired");
}

#[sqlx::test(migrations = "../../migrations")]
async fn the_token_does_not_choose_how_it_is_checked(pool: PgPool) {
    let (rsa, ed) = (SigningKey::rs256("rsa"), SigningKey::ed25519("ed"));
    let stranger = SigningKey::rs256("rsa");
    let service = Provided::start(pool, &[&rsa, &ed], |_| {}).await;
    let claims = claims("ada", "operator", "");
    let good = rsa.sign(&claims);
    let (signed, signature) = good.rsplit_once('.').expect("three parts");
    let payload = signed.split_once('.').expect("three parts").1;
    let headed = |header: Value| format!("{}.{payload}.{signature}", base64url(&header.to_string()));
    let hmac = |secret: &[u8], id: &str| {
        let mut header = Header::new(Algorithm::HS256);
        header.kid = Some(id.to_owned());
        encode(&header, &claims, &EncodingKey::from_secret(secret)).expect("signed")
    };
    let modulus = rsa.jwk()["n"].as_str().expect("n").to_owned();
    let mut embedded = Header::new(Algorithm::RS256);
    embedded.jwk = serde_json::from_value(stranger.jwk()).ok();
    let mut critical = Header::new(Algorithm::EdDSA);
    (critical.kid, critical.crit) = (Some("ed".to_owned()), Some(vec!["b64".to_owned()]));
    let mut other_type = Header::new(Algorithm::EdDSA);
    (other_type.kid, other_type.typ) = (Some("ed".to_owned()), Some("logout+jwt".to_owned()));
    for (token, reason) in [
        (format!("{}.{payload}.", base64url(r#"{"alg":"none"}"#)), "algorithm"),
        (format!("{}.{payload}.", base64url(r#"{"alg":"NONE","kid":"rsa"}"#)), "algorithm"),
        (headed(json!({"alg": "HS256", "kid": "rsa"})), "algorithm"),
        (headed(json!({"alg": "RS512", "kid": "rsa"})), "algorithm"),
        (hmac(modulus.as_bytes(), "rsa"), "algorithm"),
        (hmac(rsa.jwk().to_string().as_bytes(), "rsa"), "algorithm"),
        (headed(json!({"alg": "EdDSA", "kid": "rsa"})), "signature"),
        (headed(json!({"alg": "RS256", "kid": "ed"})), "signature"),
        (stranger.sign(&claims), "signature"),
        (stranger.sign_with(&embedded, &claims), "signature"),
        (headed(json!({"alg": "RS256", "kid": "rsa", "jku": "http://127.0.0.1:1/"})), "signature"),
        (format!("{signed}."), "signature"),
        (format!("{signed}.{}", "A".repeat(342)), "signature"),
        (
            format!("{}.{}.{signature}", signed.split_once('.').expect("parts").0, base64url("{}")),
            "signature",
        ),
        (ed.sign_with(&critical, &claims), "header"),
        (ed.sign_with(&other_type, &claims), "header"),
        (format!("{good}.{signature}"), "JWT"),
        ("..".to_owned(), "JWT"),
        ("eyJ".to_owned(), "JWT"),
        (format!("{signed}.{}", "A".repeat(9000)), "8192 bytes"),
    ] {
        refused(&service.get(&token, PATH).await, reason);
    }
    let mut access = Header::new(Algorithm::EdDSA);
    access.typ = Some("at+jwt".to_owned());
    let mut good = claims.clone();
    good["tenant_id"] = Value::Null;
    let unnamed = service.get(&ed.sign_with(&access, &good), PATH).await;
    assert_eq!(unnamed.status, 200, "no kid, one key of the kind: {}", unnamed.text);
}

#[sqlx::test(migrations = "../../migrations")]
async fn keys_rotate_and_a_flood_of_unknown_ones_asks_the_provider_once(pool: PgPool) {
    let (old, new) = (SigningKey::es256("2025"), SigningKey::es256("2026"));
    let service =
        Provided::start(pool, &[&old], |keys| keys.refresh_floor = Duration::from_millis(800)).await;
    let admin = claims("ada", "tenant-admin", "tenant-a");
    let (by_old, by_new) = (old.sign(&admin), new.sign(&admin));
    assert_eq!(service.get(&by_old, PATH).await.status, 200);
    tokio::time::sleep(Duration::from_millis(900)).await;

    service.provider.publish(&[&old, &new]);
    assert_eq!(service.get(&by_new, PATH).await.status, 200, "an unknown key is asked for at once");
    let asked = service.provider.times_asked();
    let flood = (0..300).map(|number| {
        let token = SigningKey::ed25519(&format!("unknown-{number}")).sign(&admin);
        let service = &service;
        async move { service.get(&token, PATH).await }
    });
    for answer in futures::future::join_all(flood).await {
        refused(&answer, "signature");
    }
    assert!(service.provider.times_asked() <= asked + 1, "{} times", service.provider.times_asked() - asked);
    assert_eq!(service.get(&by_old, PATH).await.status, 200, "those who are known do not notice");

    tokio::time::sleep(Duration::from_millis(900)).await;
    service.provider.publish(&[&new]);
    service.keys.refresh().await;
    refused(&service.get(&by_old, PATH).await, "signature");
    assert_eq!(service.get(&by_new, PATH).await.status, 200);
    for (status, body) in [(500, ""), (200, "<html>"), (200, "{\"keys\":[]}")] {
        service.provider.answer_with(status, body);
        tokio::time::sleep(Duration::from_millis(900)).await;
        service.keys.refresh().await;
        assert_eq!(service.get(&by_new, PATH).await.status, 200, "those at hand stay in use: {body}");
    }
}

#[sqlx::test(migrations = "../../migrations")]
async fn without_the_provider_nobody_is_called_a_stranger(pool: PgPool) {
    let key = SigningKey::ed25519("k");
    let service = Provided::start(pool, &[], |keys| keys.trusted_for = Duration::from_secs(2)).await;
    let token = key.sign(&claims("ada", "tenant-admin", "tenant-a"));
    let away = service.get(&token, PATH).await;
    assert_eq!(
        (away.status.as_u16(), &away.json["code"]),
        (503, &json!("SERVICE_UNAVAILABLE")),
        "{}",
        away.text
    );
    assert!(away.header("retry-after").parse::<u32>().is_ok());
    let by_key = service.api_key(Role::TenantAdmin, Some("tenant-a")).await;
    assert_eq!(service.get(&by_key, PATH).await.status, 200, "keys need no provider");

    service.provider.publish(&[&key]);
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert_eq!(service.get(&token, PATH).await.status, 200);
    service.provider.answer_with(503, "");
    tokio::time::sleep(Duration::from_millis(2200)).await;
    assert_eq!(service.get(&token, PATH).await.status, 503, "keys nobody confirms are not trusted for ever");
}

#[sqlx::test(migrations = "../../migrations")]
async fn tenants_are_switched_off_and_subjects_have_their_pace(pool: PgPool) {
    let key = SigningKey::ed25519("k");
    let service = Provided::start(pool, &[&key], |_| {}).await;
    let operator = service.api_key(Role::Operator, None).await;
    service.call(&operator, "POST", "/api/v1/tenants", &json!({"id": "tenant-a"})).await;
    let token = key.sign(&claims("ada", "tenant-admin", "tenant-a"));
    assert_eq!(service.get(&token, PATH).await.status, 200);
    let off = service.call(&operator, "PATCH", "/api/v1/tenants/tenant-a", &json!({"active": false})).await;
    assert_eq!(off.status, 200, "{}", off.text);
    let refused = service.get(&token, PATH).await;
    assert_eq!(refused.status, 403, "{}", refused.text);
    assert!(refused.text.contains("switched off"), "{}", refused.text);

    let busy = key.sign(&claims("busy", "tenant-viewer", "tenant-b"));
    let mut limited = None;
    for _ in 0..500 {
        let answer = service.get(&busy, PATH).await;
        if answer.status == 429 {
            limited = Some(answer);
            break;
        }
    }
    let limited = limited.expect("refused at some point");
    assert!(limited.header("retry-after").parse::<u32>().expect("seconds") >= 1);
    let mut in_query = bare("GET", &format!("{PATH}?access_token={token}"));
    assert_eq!(service.service.send(in_query).await.status, 401, "never in a URL");
    in_query = with_key(bare("GET", PATH), &token);
    in_query.headers_mut().append("authorization", "Bearer x".parse().expect("a value"));
    assert_eq!(service.service.send(in_query).await.status, 401, "one credential, not two");
}

fn base64url(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text)
}
