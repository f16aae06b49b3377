//! What a tenant's key can say about its own domains, and what only an operator decides.

use callbacks_core::access::role::Role;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::guarded::Guarded;
use crate::support::bare;

const DOMAINS: &str = "/api/v1/authorized-domains";

#[sqlx::test(migrations = "../../migrations")]
async fn a_tenant_proves_its_domains_and_nothing_else_makes_them_verified(pool: PgPool) {
    let service = Guarded::start(pool).await;
    let tenant = service.key(Role::TenantAdmin, Some("acme")).await;
    let wish = json!({"domain": "a.example", "verified": true, "verificationMethod": "MANUAL", "verificationToken": "mine"});
    let made = service.call(&tenant, "POST", DOMAINS, &wish).await;
    let token = made.json["verificationToken"].as_str().expect("a token").to_owned();
    assert_eq!((made.status.as_u16(), &made.json["verified"]), (201, &json!(false)), "{}", made.text);
    assert_eq!((&made.json["verificationMethod"], token == "mine"), (&Value::Null, false));
    let one = format!("{DOMAINS}/{}", made.json["id"].as_str().expect("an id"));

    let url = format!("https://a.example/.well-known/callbacks-challenge/{token}");
    let record = "_callbacks-challenge.a.example";
    for (method, refusal) in [
        ("MANUAL", "This domain has to be proven: verificationMethod must be DNS_TXT, HTTP or CLOUDEVENTS".to_owned()),
        ("DNS_TXT", format!("Control of a.example is not proven: {record}: there is no TXT record; publish a TXT record {record} with the value {token}")),
        ("HTTP", format!("Control of a.example is not proven: the answer with status 200 is not the token alone; serve {token} at {url} with status 200")),
        ("CLOUDEVENTS", "Control of a.example is not proven: https://a.example/ does not consent: its answer to OPTIONS has no WebHook-Allowed-Origin, so it does not consent; it must name callbacks or *".to_owned()),
    ] {
        let path = format!("{DOMAINS}/a.example/verify?verificationMethod={method}");
        let refused = service.ask(&tenant, bare("POST", &path)).await;
        assert_eq!((refused.status.as_u16(), &refused.json["message"]), (409, &json!(refusal)), "{method}");
    }
    for body in
        [json!({"domain": "a.example", "verified": true}), json!({"domain": "b.example", "verified": true})]
    {
        let changed = service.call(&tenant, "PATCH", &one, &body).await;
        assert_eq!(
            (changed.status.as_u16(), &changed.json["verified"]),
            (200, &json!(false)),
            "{}",
            changed.text
        );
    }
    let operator = service.key(Role::Operator, None).await;
    let verify = format!("{DOMAINS}/b.example/verify?verificationMethod=MANUAL");
    assert_eq!(service.ask(&operator, bare("POST", &verify)).await.status, 204);
    assert_eq!(service.get(&tenant, &one).await.json["verified"], true);
    let renamed = service.call(&tenant, "PATCH", &one, &json!({"domain": "c.example"})).await;
    assert_eq!(
        (&renamed.json["verified"], &renamed.json["verifiedAt"]),
        (&json!(false), &Value::Null),
        "{}",
        renamed.text
    );
}

#[sqlx::test(migrations = "../../migrations")]
async fn what_a_tenant_may_reach_is_an_operator_s_decision(pool: PgPool) {
    let service = Guarded::start(pool).await;
    let tenant = service.key(Role::TenantAdmin, Some("acme")).await;
    let operator = service.key(Role::Operator, None).await;
    let path = "/api/v1/tenants/acme";
    let wish = json!({"domainPolicy": "ALLOW_ALL", "allowedNetworks": ["10.0.0.0/8"]});
    assert_eq!(service.call(&tenant, "PATCH", path, &wish).await.status, 403);
    let seen = service.get(&operator, path).await.json;
    assert_eq!((&seen["domainPolicy"], &seen["allowedNetworks"]), (&json!("REQUIRE_AUTHORIZED"), &json!([])));
    let changed = service.call(&operator, "PATCH", path, &wish).await;
    assert_eq!(
        (changed.status.as_u16(), &changed.json["allowedNetworks"]),
        (200, &json!(["10.0.0.0/8"])),
        "{}",
        changed.text
    );
    let kept = service.call(&operator, "PATCH", path, &json!({"name": "Acme"})).await;
    assert_eq!((&kept.json["domainPolicy"], &kept.json["name"]), (&json!("ALLOW_ALL"), &json!("Acme")));
    let wrong = json!({"domainPolicy": "NONE", "allowedNetworks": ["10.0.0.0/33", 7]});
    let refused = service.call(&operator, "PATCH", path, &wrong).await;
    assert_eq!(refused.status, 400, "{}", refused.text);
    assert!(refused.text.contains("REQUIRE_AUTHORIZED, ALLOW_IF_EMPTY, ALLOW_ALL"), "{}", refused.text);
    assert_eq!(
        refused.messages("allowedNetworks[0]"),
        ["Must be a network such as 10.1.0.0/16, or an address"],
        "{}",
        refused.text
    );
}
