//! Messages that name a tenant which was deleted: set aside like those of one nobody knows.

use std::time::Duration;

use callbacks_core::management::tenants;
use callbacks_interfaces::tenant::TenantId;
use callbacks_testkit::hostile_corpus::entries;
use serde_json::json;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::house::object;
use crate::source_scene::{Scene, at, order};

#[sqlx::test(migrations = "../../migrations")]
async fn messages_of_a_deleted_tenant_are_set_aside(_: PgPoolOptions, options: PgConnectOptions) {
    let scene = Scene::set(options).await;
    let of_shared_topics = entries("tenancy").into_iter().find(|entry| entry.id == "TN-032");
    let entry = of_shared_topics.expect("an entry that is to be quarantined");
    scene.configure("A").await;
    scene.subscribe(&entry, "*").await;
    let gone = TenantId::try_from("gone").expect("a tenant id");
    tenants::create(&scene.house.desk, &object(json!({"id": "gone"}))).await.expect("a tenant");
    scene.configure("gone").await;
    tenants::delete(&scene.house.desk, &gone).await.expect("deletes");
    let late = at(&entry, 1, &order(json!({"tenantId": "gone"})));
    let result = scene.sets_aside(&entry, late, order(json!({"tenantId": "A"}))).await;
    assert!(result.contains("deleted") && result.contains("discard"), "{result}");
    assert_eq!(scene.dials("gone"), 0);
    assert!(scene.sources.stop(Duration::from_secs(10)).await, "the sources stop");
}
