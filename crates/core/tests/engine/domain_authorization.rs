//! Where callbacks may go: the catalogue's entries about authorized domains, on two workers that share a database.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use callbacks_core::management::authorized_domains::{self as domains, Verification};
use callbacks_core::management::callback_configurations;
use callbacks_interfaces::callback_url::CallbackUrl;
use callbacks_interfaces::event_submission::EventSubmission;
use callbacks_interfaces::ids::ConfigurationId;
use callbacks_interfaces::tenant::{TenantId, TenantScope};
use callbacks_testkit::hostile_corpus::{Entry, Section, entries};
use callbacks_testkit::scripted_transport::ScriptedTransport;
use serde_json::{Value, json};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::house::{House, object, settings};

const HOOK: &str = "https://hooks.example.com/webhooks/a";
/// Promised: 2 s on every replica.
const EFFECT: Duration = Duration::from_secs(2);

/// Two workers on one database; an entry has a tenant of its own.
struct Replicas {
    here: House,
    there: House,
}

impl Replicas {
    async fn open(options: PgConnectOptions) -> Self {
        let here = House::open(options).await;
        let there = here.neighbour(settings(), Arc::new(ScriptedTransport::default())).await;
        Self { here, there }
    }

    /// Authorizes a domain for a tenant as the catalogue writes it.
    async fn authorize(&self, tenant: &str, domain: &Value) -> callbacks_interfaces::ids::DomainId {
        let body = object(json!({
            "domain": domain["domain"], "allowedPaths": domain["allowed_paths"], "requireHttps": domain["require_https"],
            "verified": domain["verified"], "active": domain["active"], "tenantId": tenant,
        }));
        let made = domains::create(&self.here.desk, &TenantScope::All, Verification::OnWord, &body).await;
        made.expect("a valid domain").id
    }

    /// The one most entries begin with.
    async fn authorize_hooks(&self, tenant: &str) -> callbacks_interfaces::ids::DomainId {
        let usual = json!({"domain": "hooks.example.com", "allowed_paths": ["/webhooks/*"], "require_https": true,
            "verified": true, "active": true});
        self.authorize(tenant, &usual).await
    }

    async fn configure(&self, tenant: &str, url: &str) -> ConfigurationId {
        let body =
            object(json!({"name": "n", "url": url, "subscribedEventTypes": ["*"], "tenantId": tenant}));
        let made = callback_configurations::create(&self.here.desk, &TenantScope::All, &body).await;
        made.expect("a valid configuration").id
    }

    /// Both know the configuration.
    async fn both_know(&self, id: ConfigurationId) {
        let known = async || self.there.engine.directory().target(id).is_some();
        self.there.eventually("the other worker knows the configuration", known).await;
    }

    /// Requests to a tenant, on both.
    fn dials(&self, tenant: &str) -> usize {
        let sent = [&self.here, &self.there].map(|house| house.transport.sent());
        sent.iter().flatten().filter(|request| request.destination.tenant.as_str() == tenant).count()
    }

    /// How often each status and error stands among a tenant's executions.
    async fn outcomes(&self, tenant: &str) -> BTreeMap<(String, String), i64> {
        let rows: Vec<(String, Option<String>, i64)> = sqlx::query_as(
            "SELECT status, error_message, count(*) FROM callback_executions WHERE tenant_id = $1 GROUP BY 1, 2",
        )
        .bind(tenant)
        .fetch_all(&self.here.pool)
        .await
        .expect("the table exists");
        rows.into_iter().map(|(status, error, count)| ((status, error.unwrap_or_default()), count)).collect()
    }

    /// Waits for the outcome of a tenant's only event.
    async fn outcome(&self, tenant: &str) -> (String, String) {
        let there = async || !self.outcomes(tenant).await.is_empty();
        self.here.eventually("the delivery has an outcome", there).await;
        self.outcomes(tenant).await.into_keys().next().expect("one outcome")
    }
}

async fn publish(house: &House, tenant: &str, count: usize) {
    let tenant = TenantId::try_from(tenant).expect("a tenant");
    for _ in 0..count {
        let event = EventSubmission::parse(br#"{"type": "t", "payload": {}}"#).expect("a valid event");
        house.engine.accept(&tenant, vec![event]).await.expect("accepted");
    }
}

#[sqlx::test(migrations = "../../migrations")]
async fn the_catalogue_s_entries_about_domains(_: PgPoolOptions, options: PgConnectOptions) {
    let replicas = Replicas::open(options).await;
    let mut section = Section::new("domain_authz", file!());
    for entry in entries("domain_authz") {
        let result = match entry.verdict() {
            "sanitize" => sanitized(&replicas, &entry).await,
            "reject" => rejected(&replicas, &entry).await,
            "limit" => limited(&replicas, &entry).await,
            _ if entry.input.get("authorised_patch").is_some() => revoked(&replicas, &entry).await,
            "allow" | "block" => decided(&replicas, &entry).await,
            other => panic!("{}: an unknown verdict {other}", entry.id),
        };
        // The rule alone proves those that name what is authorized; here they are seen to hold on the wire.
        if entry.input.get("authorised").is_none() {
            section.record(&entry, &result);
        }
    }
    section.finish();
}

/// One delivery to a URL, with one domain authorized.
async fn decided(replicas: &Replicas, entry: &Entry) -> String {
    let authorised = &entry.input["authorised"];
    let owner = |name: &str| format!("{}-{name}", entry.id);
    replicas.authorize(&owner(authorised["tenant"].as_str().expect("a tenant")), authorised).await;
    let tenant = owner(entry.text("tenant"));
    if let Err(refusal) = CallbackUrl::try_from(entry.text("url")) {
        assert_eq!((entry.verdict(), entry.expected_number("dials")), ("block", Some(0)), "{}", entry.id);
        return format!("refused when saved: {refusal}");
    }
    replicas.configure(&tenant, entry.text("url")).await;
    publish(&replicas.here, &tenant, 1).await;
    let (status, error) = replicas.outcome(&tenant).await;
    let dials = replicas.dials(&tenant);
    assert_eq!(Some(dials as u64), entry.expected_number("dials"), "{}: {status} {error}", entry.id);
    let wanted = if entry.verdict() == "allow" { "SUCCESS" } else { "FAILED_PERMANENT" };
    assert_eq!(status, wanted, "{}: {error}", entry.id);
    if error.is_empty() { "delivered".to_owned() } else { format!("not dialled: {error}") }
}

/// A domain that is taken away while deliveries wait: neither worker dials two seconds later.
async fn revoked(replicas: &Replicas, entry: &Entry) -> String {
    let tenant = entry.id.as_str();
    let domain = replicas.authorize_hooks(tenant).await;
    let configuration = replicas.configure(tenant, entry.text("url")).await;
    replicas.both_know(configuration).await;
    let pause = object(json!({"status": "PAUSED"}));
    let change = async |body| {
        callback_configurations::patch(&replicas.here.desk, &TenantScope::All, configuration, &body)
            .await
            .expect("a valid change")
    };
    change(pause).await;
    publish(&replicas.here, tenant, 100).await;
    let patch = object(entry.input["authorised_patch"].clone());
    domains::patch(&replicas.here.desk, &TenantScope::All, domain, Verification::OnWord, &patch)
        .await
        .expect("a valid change");
    tokio::time::sleep(EFFECT).await;
    change(object(json!({"status": "ACTIVE"}))).await;
    publish(&replicas.there, tenant, 20).await;
    publish(&replicas.here, tenant, 20).await;
    let all = async || replicas.outcomes(tenant).await.values().sum::<i64>() == 140;
    replicas.here.eventually("every delivery is refused", all).await;
    assert_eq!(replicas.dials(tenant), 0, "{}", entry.id);
    let outcomes = replicas.outcomes(tenant).await;
    let ((status, error), _) = outcomes.iter().next().expect("one outcome");
    assert_eq!((outcomes.len(), status.as_str()), (1, "FAILED_PERMANENT"), "{outcomes:?}");
    format!("on both replicas after 2 s, 0 of 140 dialled: {error}")
}

/// What only the service decides is not taken from a body.
async fn sanitized(replicas: &Replicas, entry: &Entry) -> String {
    let scope = TenantScope::One(TenantId::try_from(entry.id.as_str()).expect("a tenant"));
    let body = object(entry.input["create_body"].clone());
    let made = domains::create(&replicas.here.desk, &scope, Verification::OnProof, &body).await;
    let made = made.expect("a valid domain");
    assert_eq!(json!(made.verified), entry.expect["expect_field"]["verified"], "{}", entry.id);
    "created with verified=false".to_owned()
}

/// No proof, no verification.
async fn rejected(replicas: &Replicas, entry: &Entry) -> String {
    let scope = TenantScope::One(TenantId::try_from(entry.id.as_str()).expect("a tenant"));
    let (domain, desk) = (entry.input["verify"]["domain"].as_str().expect("a domain"), &replicas.here.desk);
    let made = domains::create(desk, &scope, Verification::OnProof, &object(json!({"domain": domain}))).await;
    let made = made.expect("a valid domain");
    replicas.here.transport.publish(&format!("_callbacks-challenge.{domain}"), &[]);
    let method = entry.input["verify"]["method"].as_str().expect("a method");
    let refusal = domains::verify(desk, &scope, Verification::OnProof, domain, method).await;
    let refusal = refusal.expect_err("there is no proof").to_string();
    let (told, _) = refusal.split_once("; publish").expect("the remedy");
    assert!(entry.permits_status(409), "{}", entry.id);
    assert!(!domains::get(desk, &scope, made.id).await.expect("it is there").verified);
    format!("409: {told}")
}

/// A limit a minute is kept by both workers together; what exceeds it waits.
async fn limited(replicas: &Replicas, entry: &Entry) -> String {
    let tenant = entry.id.as_str();
    let domain = replicas.authorize_hooks(tenant).await;
    let limit = &entry.input["authorised_patch"]["max_callbacks_per_minute"];
    let patch = object(json!({"maxCallbacksPerMinute": limit}));
    domains::patch(&replicas.here.desk, &TenantScope::All, domain, Verification::OnWord, &patch)
        .await
        .expect("a valid change");
    let configuration = replicas.configure(tenant, HOOK).await;
    replicas.both_know(configuration).await;
    let begun = Instant::now();
    for _ in 0..30 {
        publish(&replicas.here, tenant, 10).await;
        publish(&replicas.there, tenant, 10).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    let limit = limit.as_f64().expect("a number");
    // The share of a minute that has passed, and a tenth of the limit at once.
    let most = limit * begun.elapsed().as_secs_f64() / 60.0 + limit / 10.0 + 1.0;
    let dials = replicas.dials(tenant);
    assert!(dials >= 5 && dials as f64 <= most, "{dials} dials, at most {most}");
    let outcomes = replicas.outcomes(tenant).await;
    assert!(outcomes.keys().all(|(status, _)| status == "SUCCESS"), "deferred, never failed: {outcomes:?}");
    "at most 66 dials a minute by two replicas together; the others wait".to_owned()
}
