//! How a tenant proves that a host is its own, and what it cannot do instead.

use bytes::Bytes;
use callbacks_core::delivery::transport::{Outcome, PhaseTimings, WireResponse};
use callbacks_core::management::authorized_domains::{self as domains, Verification, verify};
use callbacks_core::management::error::ManagementError;
use callbacks_interfaces::authorized_domain::AuthorizedDomain;
use callbacks_interfaces::tenant::{TenantId, TenantScope};
use callbacks_testkit::scripted_transport::Step;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::{Value, json};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::house::{House, object};

fn acme() -> TenantScope {
    TenantScope::One(TenantId::try_from("acme").expect("a tenant"))
}

impl House {
    /// A domain as a tenant makes it.
    async fn unproven(&self, body: Value) -> AuthorizedDomain {
        let made = domains::create(&self.desk, &acme(), Verification::OnProof, &object(body)).await;
        made.expect("a valid domain")
    }

    async fn prove(&self, domain: &str, method: &str) -> Result<(), String> {
        let asked = verify(&self.desk, &acme(), Verification::OnProof, domain, method).await;
        asked.map_err(|error| match error {
            ManagementError::Conflict(told) => told,
            other => panic!("{other:?}"),
        })
    }

    async fn seen(&self, domain: &AuthorizedDomain) -> AuthorizedDomain {
        domains::get(&self.desk, &acme(), domain.id).await.expect("it is there")
    }
}

fn answer(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> Step {
    let pairs =
        headers.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
    Step::Now(Outcome::Response(WireResponse {
        status,
        headers: HeaderMap::from_iter(pairs),
        body: Bytes::from(body.to_owned()),
        truncated: false,
        timings: PhaseTimings::default(),
    }))
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_txt_record_proves_a_domain_and_its_subdomains(_: PgPoolOptions, options: PgConnectOptions) {
    let house = House::open(options).await;
    let domain = house
        .unproven(json!({"domain": "*.example.com", "verificationToken": "mine", "verified": true}))
        .await;
    let token = domain.verification_token.clone().expect("a token");
    assert!(token.len() >= 43 && token != "mine" && !domain.verified, "the service's own token: {token}");
    let name = "_callbacks-challenge.example.com";
    let refused = house.prove("*.example.com", "DNS_TXT").await.expect_err("nothing is published");
    let remedy = format!("publish a TXT record {name} with the value {token}");
    assert_eq!(
        refused,
        format!("Control of *.example.com is not proven: {name}: there is no TXT record; {remedy}")
    );
    house.transport.publish(name, &["mine", "v=spf1 -all"]);
    let refused = house.prove("*.example.com", "DNS_TXT").await.expect_err("another value");
    assert!(refused.contains("none of the 2 TXT records"), "{refused}");
    assert!(!house.seen(&domain).await.verified);

    house.transport.publish(name, &["v=spf1 -all", &token]);
    house.prove("*.example.com", "dns_txt").await.expect("the record is there");
    let proven = house.seen(&domain).await;
    assert_eq!((proven.verified, proven.verification_method.as_deref()), (true, Some("DNS_TXT")));
    assert!(proven.verified_at.is_some());
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_document_proves_the_host_that_serves_it(_: PgPoolOptions, options: PgConnectOptions) {
    let house = House::open(options).await;
    let domain = house.unproven(json!({"domain": "hooks.example.com:8443"})).await;
    let token = domain.verification_token.clone().expect("a token");
    let url = format!("https://hooks.example.com:8443/.well-known/callbacks-challenge/{token}");
    house.transport.script(
        &url,
        [
            answer(404, &[], ""),
            answer(200, &[], "<html>other</html>"),
            answer(200, &[], &format!("{token}\n")),
        ],
    );
    for status in [404, 200] {
        let refused = house.prove("hooks.example.com:8443", "HTTP").await.expect_err("not the token");
        assert_eq!(
            refused,
            format!(
                "Control of hooks.example.com:8443 is not proven: the answer with status {status} is not the token alone; serve {token} at {url} with status 200"
            )
        );
    }
    house.prove("hooks.example.com:8443", "HTTP").await.expect("the document is there");
    assert!(house.seen(&domain).await.verified);
    let sent = house.transport.sent();
    assert!(sent.iter().all(|request| request.method == Method::GET && request.body.is_empty()));

    let wide = house.unproven(json!({"domain": "*.example.org"})).await;
    let refused = house.prove("*.example.org", "HTTP").await.expect_err("one host proves no other");
    assert_eq!(
        refused,
        "Control of *.example.org is not proven: *.example.org stands for many hosts; prove it by DNS_TXT"
    );
    assert!(!house.seen(&wide).await.verified);
}

#[sqlx::test(migrations = "../../migrations")]
async fn an_endpoint_consents_and_grants_a_rate(_: PgPoolOptions, options: PgConnectOptions) {
    let house = House::open(options).await;
    let domain = house.unproven(json!({"domain": "events.example.com", "maxCallbacksPerMinute": 600})).await;
    let root = "https://events.example.com/";
    house.transport.script(
        root,
        [
            answer(200, &[("allow", "POST")], ""),
            answer(200, &[("webhook-allowed-origin", "callbacks"), ("webhook-allowed-rate", "60")], ""),
        ],
    );
    let refused =
        house.prove("events.example.com", "CLOUDEVENTS").await.expect_err("200 alone is no consent");
    assert!(refused.contains("https://events.example.com/ does not consent: its answer to OPTIONS has no WebHook-Allowed-Origin"), "{refused}");
    house.prove("events.example.com", "CLOUDEVENTS").await.expect("it consents");
    let request = house.transport.sent().pop().expect("a request");
    assert_eq!(
        (request.method.as_str(), request.headers["webhook-request-origin"].to_str().expect("text")),
        ("OPTIONS", "callbacks")
    );
    assert_eq!(request.headers["webhook-request-rate"], "600");
    let proven = house.seen(&domain).await;
    assert_eq!((proven.verified, proven.granted_callbacks_per_minute), (true, Some(60)));

    let body = object(json!({"domain": "other.example.com"}));
    let renamed = domains::patch(&house.desk, &acme(), domain.id, Verification::OnProof, &body)
        .await
        .expect("a change");
    assert_eq!(
        (renamed.verified, renamed.granted_callbacks_per_minute, renamed.verification_method),
        (false, None, None)
    );
    assert_ne!(
        renamed.verification_token, proven.verification_token,
        "another name is proven by another token"
    );
}

/// Where there are configurations, their URLs are asked, and each must consent.
#[sqlx::test(migrations = "../../migrations")]
async fn every_endpoint_there_must_consent(_: PgPoolOptions, options: PgConnectOptions) {
    let house = House::open(options).await;
    let domain = house.unproven(json!({"domain": "*.example.com"})).await;
    let refused = house.prove("*.example.com", "CLOUDEVENTS").await.expect_err("there is nobody to ask");
    assert!(refused.contains("no configuration names one"), "{refused}");
    for (host, rate) in [("a", "90"), ("b", "30")] {
        let url = format!("https://{host}.example.com/hook");
        let body = object(json!({"name": "n", "url": url, "subscribedEventTypes": ["*"]}));
        callbacks_core::management::callback_configurations::create(&house.desk, &acme(), &body)
            .await
            .expect("a valid configuration");
        let consent = answer(204, &[("webhook-allowed-origin", "*"), ("webhook-allowed-rate", rate)], "");
        house.transport.script(&url, [consent]);
    }
    house.transport.script(
        "https://b.example.com/hook",
        [
            Step::status(405),
            answer(204, &[("webhook-allowed-origin", "*"), ("webhook-allowed-rate", "30")], ""),
        ],
    );
    let refused = house.prove("*.example.com", "CLOUDEVENTS").await.expect_err("one of them does not");
    assert!(refused.contains("https://b.example.com/hook does not consent: it answered 405"), "{refused}");
    house.prove("*.example.com", "CLOUDEVENTS").await.expect("all consent");
    assert_eq!(house.seen(&domain).await.granted_callbacks_per_minute, Some(30), "the smallest rate");
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_word_is_an_operator_s_alone(_: PgPoolOptions, options: PgConnectOptions) {
    let house = House::open(options).await;
    let domain = house.unproven(json!({"domain": "example.com"})).await;
    let refused = house.prove("example.com", "MANUAL").await.expect_err("a tenant's word");
    assert_eq!(
        refused,
        "This domain has to be proven: verificationMethod must be DNS_TXT, HTTP or CLOUDEVENTS"
    );
    let foreign = TenantScope::One(TenantId::try_from("other").expect("a tenant"));
    for method in ["MANUAL", "DNS_TXT"] {
        let unknown = verify(&house.desk, &foreign, Verification::OnProof, "example.com", method).await;
        assert!(matches!(unknown, Err(ManagementError::NotFound { .. })), "{method}: {unknown:?}");
    }
    verify(&house.desk, &TenantScope::All, Verification::OnWord, "example.com", "MANUAL")
        .await
        .expect("an operator's");
    assert_eq!(house.seen(&domain).await.verification_method.as_deref(), Some("MANUAL"));
}
