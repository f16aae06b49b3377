//! Who is let in: good keys, nothing else, not too often, and not a second longer than they are good.

use std::sync::Arc;
use std::time::{Duration, Instant};

use callbacks_core::access::key_ring::{KeyRing, Refusal};
use callbacks_core::access::role::Role;
use callbacks_core::clock::{Clock, SystemClock};
use serde_json::json;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::guarded::Guarded;
use crate::support::bare;

const PATH: &str = "/api/v1/callback-configurations";

#[sqlx::test(migrations = "../../migrations")]
async fn only_a_good_key_opens(pool: PgPool) {
    let service = Guarded::start(pool).await;
    let good = service.key(Role::TenantAdmin, Some("tenant-a")).await;
    assert_eq!(service.get(&good, PATH).await.status, 200);
    let mut other_header = bare("GET", PATH);
    other_header.headers_mut().insert("x-api-key", good.parse().expect("a value"));
    assert_eq!(service.service.send(other_header).await.status, 200);

    let soon = SystemClock.now() + time::Duration::milliseconds(1500);
    let expiring = service.key_until(Role::TenantAdmin, Some("tenant-a"), Some(soon)).await;
    assert_eq!(service.get(&expiring, PATH).await.status, 200);
    tokio::time::sleep(Duration::from_millis(1600)).await;

    let mut forged = good.clone();
    forged.replace_range(good.len() - 1.., if good.ends_with('0') { "1" } else { "0" });
    let mut refused = vec![
        service.service.get(PATH).await,
        service.service.get(&format!("{PATH}?api_key={good}&access_token={good}")).await,
        service.get(&expiring, PATH).await,
        service.get(&forged, PATH).await,
        service.get(&good.to_uppercase(), PATH).await,
        service.get("cbk_", PATH).await,
    ];
    let mut basic = bare("GET", PATH);
    basic.headers_mut().insert("authorization", "Basic YWRtaW46YWRtaW4=".parse().expect("a value"));
    refused.push(service.service.send(basic).await);
    for answer in refused {
        assert_eq!(
            (answer.status.as_u16(), &answer.json["code"]),
            (401, &json!("UNAUTHORIZED")),
            "{}",
            answer.text
        );
        assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"callbacks\"");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.header("x-frame-options"), "DENY");
        assert!(answer.header("access-control-allow-origin").is_empty());
        assert!(!answer.text.contains(&good[40..]), "{}", answer.text);
    }
    for open in ["/actuator/health/liveness", "/actuator/health", "/openapi.json", "/swagger-ui/"] {
        assert_eq!(service.service.get(open).await.status, 200, "{open}");
    }
    assert_eq!(service.service.get("/metrics").await.status, 401);
    assert_eq!(service.service.get("/nowhere").await.status, 404);
    let wrong = service.ask(&good, bare("PUT", PATH)).await;
    assert_eq!((wrong.status.as_u16(), wrong.header("allow")), (405, "GET, POST"));
    assert_eq!(service.service.send(bare("PUT", PATH)).await.status, 401);
    assert_eq!(service.service.send(bare("HEAD", PATH)).await.status, 401);
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_key_is_shown_once_and_never_stored(pool: PgPool) {
    let service = Guarded::start(pool).await;
    let operator = service.key(Role::Operator, None).await;
    let body = json!({"name": "producer", "role": "tenant-producer", "tenantId": "tenant-a"});
    let mut request = crate::support::json_request("POST", "/api/v1/api-keys", &body);
    request.headers_mut().insert("x-idempotency-key", "once".parse().expect("a value"));
    let made = service.ask(&operator, request).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let key = made.json["key"].as_str().expect("the key").to_owned();
    let secret = key.rsplit('_').next().expect("the secret");
    assert_eq!(service.get(&key, "/api/v1/events").await.status, 200);
    let mut again = crate::support::json_request("POST", "/api/v1/api-keys", &body);
    again.headers_mut().insert("x-idempotency-key", "once".parse().expect("a value"));
    let replayed = service.ask(&operator, again).await;
    assert_eq!((replayed.status.as_u16(), &replayed.json["key"]), (201, &json!(null)), "{}", replayed.text);
    let seen = service.get(&operator, made.header("location")).await;
    let listed = service.get(&operator, "/api/v1/api-keys?tenantId=tenant-a").await;
    assert_eq!(listed.json.as_array().map(Vec::len), Some(1), "{}", listed.text);
    for text in [&seen.text, &listed.text, &service.get(&operator, "/api/v1/audit-log").await.text] {
        assert!(!text.contains(secret), "{text}");
    }
    for sql in [
        "SELECT string_agg(k::text, '') FROM api_keys k",
        "SELECT string_agg(i::text, '') FROM idempotency_keys i",
        "SELECT string_agg(a::text, '') FROM audit_log a",
    ] {
        let dump: String = sqlx::query_scalar(sql).fetch_one(&service.service.pool).await.expect("text");
        assert!(!dump.contains(secret) && !dump.contains(&hex::encode(secret)), "{sql}");
    }
    for (body, field) in [
        (json!({"role": "operator"}), "name"),
        (json!({"name": "x"}), "role"),
        (json!({"name": "x", "role": "root"}), "role"),
        (json!({"name": "x", "role": "operator", "tenantId": "tenant-a"}), "tenantId"),
        (json!({"name": "x", "role": "tenant-viewer"}), "tenantId"),
        (json!({"name": "x", "role": "operator", "expiresAt": "2001-01-01T00:00:00Z"}), "expiresAt"),
    ] {
        let answer = service.call(&operator, "POST", "/api/v1/api-keys", &body).await;
        assert_eq!(answer.status, 400, "{}", answer.text);
        assert!(!answer.messages(field).is_empty(), "{}", answer.text);
    }
}

#[sqlx::test(migrations = "../../migrations")]
async fn revocation_reaches_every_replica_within_two_seconds(pool: PgPool) {
    let service = Guarded::start(pool).await;
    let operator = service.key(Role::Operator, None).await;
    let replica = KeyRing::load(Arc::clone(&service.store), Arc::new(SystemClock), None).await;
    let replica = Arc::new(replica.expect("the keys load"));
    let stop = CancellationToken::new();
    let running = tokio::spawn({
        let (replica, stop) = (Arc::clone(&replica), stop.clone());
        async move { replica.run(stop).await }
    });
    let gone = async |key: &str, since: Instant| {
        while replica.recognise(key).is_ok() {
            assert!(since.elapsed() < Duration::from_secs(2), "still accepted");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let body = json!({"name": "short-lived", "role": "tenant-admin", "tenantId": "tenant-a"});
    for means in ["key", "tenant"] {
        let made = service.call(&operator, "POST", "/api/v1/api-keys", &body).await;
        let key = made.json["key"].as_str().expect("the key").to_owned();
        let begun = Instant::now();
        while replica.recognise(&key).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(2), "a new key is known within two seconds");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let since = Instant::now();
        let answer = match means {
            "key" => service.ask(&operator, bare("DELETE", made.header("location"))).await,
            _ => {
                service.call(&operator, "PATCH", "/api/v1/tenants/tenant-a", &json!({"active": false})).await
            }
        };
        assert!(answer.status.is_success(), "{}", answer.text);
        assert_eq!(service.get(&key, PATH).await.status, 401, "here at once");
        gone(&key, since).await;
    }
    stop.cancel();
    running.await.expect("the ring ends");
    let used: i64 = sqlx::query_scalar("SELECT count(*) FROM api_keys WHERE last_used_at IS NOT NULL")
        .fetch_one(&service.service.pool)
        .await
        .expect("a number");
    assert!(used >= 1, "the time of last use is written at the latest when the service stops");
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_key_has_its_pace(pool: PgPool) {
    let service = Guarded::paced(pool, Some(2)).await;
    let (busy, calm) = (
        service.key(Role::TenantViewer, Some("tenant-a")).await,
        service.key(Role::TenantViewer, Some("tenant-a")).await,
    );
    let mut limited = None;
    for _ in 0..200 {
        let answer = service.get(&busy, PATH).await;
        if answer.status == 429 {
            limited = Some(answer);
            break;
        }
    }
    let limited = limited.expect("refused at some point");
    assert_eq!(limited.json["code"], "TOO_MANY_REQUESTS", "{}", limited.text);
    assert!(limited.header("retry-after").parse::<u32>().expect("seconds") >= 1);
    assert_eq!(service.get(&calm, PATH).await.status, 200, "another key has its own pace");
}

#[sqlx::test(migrations = "../../migrations")]
async fn without_a_database_nobody_is_called_a_stranger(pool: PgPool) {
    let service = Guarded::start(pool).await;
    let good = service.key(Role::TenantAdmin, Some("tenant-a")).await;
    let mut unknown = good.clone();
    unknown.replace_range(4..12, "00000000");
    assert_eq!(service.ring.recognise(&unknown).err(), Some(Refusal::Unknown));
    service.service.close_database().await;
    assert!(service.ring.refresh().await.is_err());
    for key in [&good, &unknown] {
        let answer = service.get(key, PATH).await;
        assert_eq!(answer.status, 503, "{}", answer.text);
        assert!(answer.header("retry-after").parse::<u32>().is_ok());
    }
}
