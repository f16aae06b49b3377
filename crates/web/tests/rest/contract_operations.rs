//! Every operation, with the status codes it promises.

use crate::support::{Service, bare};
use serde_json::{Value, json};
use sqlx::PgPool;

const CONTRACT: &str = include_str!("../vectors/firefly_contract.json");
const MISSING: &str = "00000000-0000-7000-8000-000000000000";

fn configuration() -> Value {
    json!({"name": "orders", "url": "https://example.com/h", "subscribedEventTypes": ["order.*"], "secret": "s",
           "signatureEnabled": true, "metadata": {"k": [1, null]}, "description": "d"})
}

async fn created(service: &Service, path: &str, body: &Value) -> String {
    let answer = service.post(path, body).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.json["id"].as_str().expect("an id").to_owned()
}

#[sqlx::test(migrations = "../../migrations")]
async fn every_operation_of_the_contract_exists(pool: PgPool) {
    let service = Service::start(pool).await;
    let contract: Value = serde_json::from_str(CONTRACT).expect("the contract");
    let document = serde_json::to_value(callbacks_web::openapi()).expect("json");
    let operations = contract["operations"].as_array().expect("operations");
    assert_eq!(operations.len(), 22);
    for operation in operations {
        let (method, path) =
            (operation["method"].as_str().expect("m"), operation["path"].as_str().expect("p"));
        let documented = &document["paths"][path][method.to_lowercase()];
        assert_eq!(documented["operationId"], operation["operationId"], "{method} {path}");
        let status = operation["success_status"].to_string();
        assert!(documented["responses"].get(&status).is_some(), "{method} {path} {status}");
        for parameter in operation["params"].as_array().expect("params") {
            let named = |p: &&Value| p["name"] == parameter["name"] && p["in"] == parameter["in"];
            let found = documented["parameters"].as_array().expect("params").iter().find(named);
            let required = found.map(|p| p["required"].as_bool().unwrap_or(false));
            assert_eq!(required, parameter["required"].as_bool(), "{method} {path} {}", parameter["name"]);
        }
        let concrete = path
            .replace("{domain}", "missing.example")
            .replace("{id}", MISSING)
            .replace("{configurationId}", MISSING);
        let answer = service.send(bare(method, &concrete)).await;
        assert!(!matches!(answer.status.as_u16(), 405 | 500..), "{method} {path}: {}", answer.status);
    }
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_configuration_lives(pool: PgPool) {
    let service = Service::start(pool).await;
    let base = "/api/v1/callback-configurations";
    let id = created(&service, base, &configuration()).await;
    let one = format!("{base}/{id}");
    let read = service.get(&one).await;
    assert_eq!((read.status.as_u16(), &read.json["name"]), (200, &json!("orders")));
    assert_eq!(read.json["metadata"], json!({"k": [1, null]}));

    let mut changed = configuration();
    changed["name"] = json!("orders 2");
    changed.as_object_mut().expect("object").remove("secret");
    let put = service.call("PUT", &one, &changed).await;
    assert_eq!((put.status.as_u16(), &put.json["name"]), (200, &json!("orders 2")), "{}", put.text);
    assert_eq!(put.json["secretConfigured"], json!(true), "PUT without secret keeps it");

    let patched = service.call("PATCH", &one, &json!({"description": null, "maxRetries": 5})).await;
    assert_eq!(patched.status, 200, "{}", patched.text);
    assert_eq!((&patched.json["description"], &patched.json["maxRetries"]), (&Value::Null, &json!(5)));
    assert_eq!(patched.json["name"], json!("orders 2"), "absent stays");
    let refused = service.call("PATCH", &one, &json!({"name": null})).await;
    assert_eq!((refused.status.as_u16(), refused.messages("name")), (400, vec!["Name is required"]));

    assert_eq!(service.send(bare("POST", &format!("{one}/pause"))).await.json["status"], "PAUSED");
    assert_eq!(service.send(bare("POST", &format!("{one}/resume"))).await.json["status"], "ACTIVE");
    let stats = service.get(&format!("{one}/stats")).await;
    assert_eq!((stats.status.as_u16(), &stats.json["failureCount"]), (200, &json!(0)), "{}", stats.text);

    assert_eq!(service.delete(&one).await.status, 204);
    for gone in [
        service.get(&one).await,
        service.delete(&one).await,
        service.call("PUT", &one, &configuration()).await,
    ] {
        assert_eq!(gone.status, 404, "{}", gone.text);
    }
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_secret_is_shown_once(pool: PgPool) {
    let service = Service::start(pool).await;
    let base = "/api/v1/callback-configurations";
    let id = created(&service, base, &configuration()).await;
    let path = format!("{base}/{id}/secret");
    let mut request = bare("POST", &path);
    request.headers_mut().insert("x-idempotency-key", "rotate-1".parse().expect("value"));
    let rotated = service.send(request).await;
    assert_eq!(rotated.status, 200, "{}", rotated.text);
    let secret = rotated.json["secret"].as_str().expect("shown");
    assert!(secret.starts_with("whsec_") && secret.len() == 6 + 44, "{secret}");
    assert!(rotated.json["previousSecretExpiresAt"].is_string());
    let mut again = bare("POST", &path);
    again.headers_mut().insert("x-idempotency-key", "rotate-1".parse().expect("value"));
    let replayed = service.send(again).await;
    assert_eq!((replayed.status.as_u16(), &replayed.json["secret"]), (200, &Value::Null));
    let given = service.post(&path, &json!({"secret": "my own"})).await;
    assert_eq!(given.json["secret"], json!("my own"));
    assert_eq!(service.post(&path, &json!({"secret": "x".repeat(501)})).await.status, 400);
    assert_eq!(service.send(bare("POST", &format!("{base}/{MISSING}/secret"))).await.status, 404);
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_domain_lives(pool: PgPool) {
    let service = Service::start(pool).await;
    let base = "/api/v1/authorized-domains";
    let id = created(&service, base, &json!({"domain": "Example.COM."})).await;
    let one = format!("{base}/{id}");
    assert_eq!(service.get(&one).await.json["domain"], "example.com");
    let again = service.post(base, &json!({"domain": "example.com"})).await;
    assert_eq!((again.status.as_u16(), &again.json["code"]), (409, &json!("CONFLICT")), "{}", again.text);
    assert_eq!(service.post(base, &json!({"domain": "example.com", "tenantId": "other"})).await.status, 201);

    let verify = format!("{base}/example.com/verify");
    assert_eq!(service.send(bare("POST", &verify)).await.status, 400, "the method is required");
    assert_eq!(service.send(bare("POST", &format!("{verify}?verificationMethod=DNS"))).await.status, 204);
    let verified = service.get(&one).await;
    assert_eq!(
        (&verified.json["verified"], &verified.json["verificationMethod"]),
        (&json!(true), &json!("DNS"))
    );
    assert!(verified.json["verifiedAt"].is_string());
    let unknown =
        service.send(bare("POST", &format!("{base}/unknown.example/verify?verificationMethod=DNS"))).await;
    assert_eq!(unknown.status, 404);

    let put = service
        .call("PUT", &one, &json!({"domain": "example.com", "organization": "ACME", "verified": true}))
        .await;
    assert_eq!((put.status.as_u16(), &put.json["organization"]), (200, &json!("ACME")), "{}", put.text);
    let patched = service.call("PATCH", &one, &json!({"organization": null})).await;
    assert_eq!(
        (patched.status.as_u16(), &patched.json["organization"]),
        (200, &Value::Null),
        "{}",
        patched.text
    );

    assert_eq!(service.delete(&one).await.status, 400, "domain is required");
    assert_eq!(service.delete(&format!("{one}?domain=other.example")).await.status, 400);
    assert_eq!(service.delete(&format!("{one}?domain=example.com")).await.status, 204);
    assert_eq!(service.delete(&format!("{one}?domain=example.com")).await.status, 404);

    let trusted = service.post(base, &json!({"domain": "trusted.example", "verified": true})).await;
    assert_eq!(trusted.json["verified"], json!(true), "the operator's word is enough: {}", trusted.text);
    assert!(trusted.json["verifiedAt"].is_string());
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_subscription_lives(pool: PgPool) {
    let service = Service::start(pool).await;
    let base = "/api/v1/event-subscriptions";
    let body = json!({"name": "orders", "messagingSystemType": "KAFKA", "topicOrQueue": "orders"});
    let id = created(&service, base, &body).await;
    let one = format!("{base}/{id}");
    assert_eq!(service.send(bare("POST", &format!("{one}/deactivate"))).await.json["active"], json!(false));
    assert_eq!(service.send(bare("POST", &format!("{one}/activate"))).await.json["active"], json!(true));
    let status = service.get(&format!("{one}/status")).await;
    assert_eq!((status.status.as_u16(), &status.json["connected"]), (200, &json!(false)));
    let patched = service.call("PATCH", &one, &json!({"pollingIntervalMs": 500})).await;
    assert_eq!(patched.json["pollingIntervalMs"], json!(500), "{}", patched.text);
    let put = service.call("PUT", &one, &body).await;
    assert_eq!((put.status.as_u16(), &put.json["pollingIntervalMs"]), (200, &json!(1000)));
    assert_eq!(service.delete(&one).await.status, 204);
    assert_eq!(service.get(&one).await.status, 404);
    assert_eq!(service.delete(&one).await.status, 404);
    assert_eq!(service.call("PUT", &one, &body).await.status, 404);
}

#[sqlx::test(migrations = "../../migrations")]
async fn executions_refuse_bad_questions(pool: PgPool) {
    let service = Service::start(pool).await;
    let base = "/api/v1/callback-executions";
    for (path, status) in [
        ("", 200),
        ("?limit=1000", 200),
        ("?limit=1001", 400),
        ("?limit=0", 400),
        ("?cursor=nonsense!", 400),
        ("/by-status", 400),
        ("/by-status?status=garbage", 400),
        ("/by-status?status=SUCCESS", 200),
        ("/pending-retries", 200),
        ("/recent", 400),
        ("/recent?configurationId=nonsense", 400),
        (&format!("/recent?configurationId={MISSING}"), 200),
        (&format!("/recent?configurationId={MISSING}&duration=garbage"), 400),
        (&format!("/recent?configurationId={MISSING}&duration=-PT1H"), 400),
        (&format!("/recent?configurationId={MISSING}&duration=P1D"), 200),
        (&format!("/by-configuration/{MISSING}"), 200),
        ("/by-configuration/nonsense", 400),
        (&format!("/{MISSING}"), 404),
        ("/nonsense", 400),
    ] {
        let answer = service.get(&format!("{base}{path}")).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.text);
        if status == 200 {
            assert_eq!(answer.text, "[]", "{path}");
        }
    }
    let bad = service.get(&format!("{base}/nonsense")).await;
    assert_eq!(bad.json["errors"][0]["field"], "id", "{}", bad.text);
}
