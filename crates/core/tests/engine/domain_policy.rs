//! What operators decide about where a tenant's callbacks may go.

use callbacks_core::delivery::transport::WireRequest;
use callbacks_core::gates::address_policy::How;
use callbacks_core::management::error::ManagementError;
use callbacks_core::management::{callback_configurations, tenants};
use callbacks_interfaces::tenant::{TenantId, TenantScope};
use serde_json::{Value, json};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::house::{House, object};

impl House {
    async fn terms(&self, body: Value) -> tenants::TenantView {
        let tenant = TenantId::default_tenant();
        tenants::patch(&self.desk, &tenant, &object(body)).await.expect("valid terms")
    }

    async fn register(&self, body: Value) {
        tenants::create(&self.desk, &object(body)).await.expect("a new tenant");
    }

    /// Sends one event; whether it was dialled.
    async fn is_dialled(&self) -> bool {
        let (before, seen) = (self.executions().await.len(), self.transport.sent().len());
        self.event(1).await;
        self.eventually("an outcome", async || self.executions().await.len() > before).await;
        self.transport.sent().len() > seen
    }
}

async fn wants_orders(house: &House, url: &str) -> Result<(), ManagementError> {
    let body = object(json!({"name": "n", "url": url, "subscribedEventTypes": ["order.*"], "maxRetries": 0}));
    callback_configurations::create(&house.desk, &TenantScope::All, &body).await.map(drop)
}

#[sqlx::test(migrations = "../../migrations")]
async fn the_policy_says_whether_a_domain_is_needed(_: PgPoolOptions, options: PgConnectOptions) {
    let house = House::open(options).await;
    house.register(json!({"id": "default"})).await;
    wants_orders(&house, "https://receiver.test/hook").await.expect("a valid configuration");
    assert!(!house.is_dialled().await, "by default nothing goes where no domain is authorized");
    house.terms(json!({"domainPolicy": "ALLOW_IF_EMPTY"})).await;
    assert!(house.is_dialled().await, "there is no domain yet");
    house.domain("elsewhere.test").await;
    assert!(!house.is_dialled().await, "now there is one, and it is another");
    house.terms(json!({"domainPolicy": "ALLOW_ALL"})).await;
    assert!(house.is_dialled().await, "none is needed");
    let cleared = house.terms(json!({"domainPolicy": null})).await;
    assert_eq!(cleared.domain_policy.as_str(), "REQUIRE_AUTHORIZED");
    assert!(!house.is_dialled().await);
}

#[sqlx::test(migrations = "../../migrations")]
async fn networks_are_opened_for_one_tenant_alone(_: PgPoolOptions, options: PgConnectOptions) {
    let house = House::open(options).await;
    house.register(json!({"id": "default"})).await;
    house.terms(json!({"domainPolicy": "ALLOW_ALL"})).await;
    let private = "http://10.1.2.3/hook";
    let refused = wants_orders(&house, private).await.expect_err("a private address");
    assert!(format!("{refused:?}").contains("URL must not name the address 10.1.2.3"), "{refused:?}");
    let opened = house.terms(json!({"allowedNetworks": ["10.1.0.7/16", "192.0.2.9"]})).await;
    assert_eq!(opened.allowed_networks, ["10.1.0.0/16", "192.0.2.9/32"]);
    wants_orders(&house, private).await.expect("it is opened now");
    assert!(house.is_dialled().await);
    let WireRequest { destination, .. } = house.transport.sent().pop().expect("a request");
    let permits = |address: &str| {
        destination.addresses.verdict(address.parse().expect("an address"), How::Resolved).is_ok()
    };
    assert!(permits("10.1.255.255") && permits("192.0.2.9"));
    assert!(!permits("10.2.0.1") && !permits("169.254.169.254") && !permits("192.0.2.10"));

    let other =
        object(json!({"name": "n", "url": private, "subscribedEventTypes": ["*"], "tenantId": "other"}));
    let refused = callback_configurations::create(&house.desk, &TenantScope::All, &other).await;
    assert!(refused.is_err(), "what one tenant may reach another may not");
    let wrong = object(json!({"allowedNetworks": ["10.0.0.0/33"]}));
    let refused =
        tenants::patch(&house.desk, &TenantId::default_tenant(), &wrong).await.expect_err("no network");
    assert!(
        format!("{refused:?}").contains("Must be a network such as 10.1.0.0/16, or an address"),
        "{refused:?}"
    );
    house.terms(json!({"allowedNetworks": []})).await;
    assert!(house.is_dialled().await, "the scripted network does not ask");
    let WireRequest { destination, .. } = house.transport.sent().pop().expect("a request");
    assert!(destination.addresses.of_tenant.is_none(), "closed again");
}
