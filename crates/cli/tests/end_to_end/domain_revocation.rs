//! A domain that is taken away at one replica is closed at every replica within two seconds.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;

use crate::support::patience::eventually_true;
use crate::support::scene::{EVENT_TYPE, Scene};

/// What is promised.
const EFFECT_LIMIT: Duration = Duration::from_secs(2);
const LIMIT: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_domain_gets_nothing_from_any_replica() {
    let scene = Scene::with_replicas(2, &[]).await;
    let configuration = scene.configure().await;
    let (here, there) = (scene.replicas[0].api(), scene.replicas[1].api());
    there.publish(EVENT_TYPE, json!({"number": 1})).await;
    eventually_true(LIMIT, "an authorized domain is delivered to", async || scene.receiver.count() > 0).await;

    let listed = here.expect(200, Method::GET, "/api/v1/authorized-domains", None).await;
    let path = format!("/api/v1/authorized-domains/{}", listed["content"][0]["id"].as_str().expect("an id"));
    here.expect(200, Method::PATCH, &path, Some(&json!({"active": false}))).await;
    let revoked = Instant::now();
    let refused = async |api: &crate::support::api::Api| {
        let seen = scene.receiver.count();
        api.publish(EVENT_TYPE, json!({})).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        scene.receiver.count() == seen
    };
    for api in [&there, &here] {
        eventually_true(EFFECT_LIMIT, "the revocation takes effect", async || refused(api).await).await;
    }
    assert!(revoked.elapsed() < EFFECT_LIMIT, "it took {:?}", revoked.elapsed());
    let seen = scene.receiver.count();
    for number in 0..20 {
        here.publish(EVENT_TYPE, json!({"number": number})).await;
        there.publish(EVENT_TYPE, json!({"number": number})).await;
    }
    eventually_true(LIMIT, "every delivery is refused", async || {
        here.executions(&configuration, "FAILED_PERMANENT").await.len() >= 40
    })
    .await;
    assert_eq!(scene.receiver.count(), seen, "nothing was dialled");
    let refusals = here.executions(&configuration, "FAILED_PERMANENT").await;
    let reason = refusals[0]["errorMessage"].as_str().unwrap_or_default();
    assert!(reason.starts_with("Domain not authorized:") && reason.ends_with("is not active"), "{reason}");
}
