//! An endpoint that asks for a client certificate and an access token gets both; what cannot be got is said where a tenant
//! looks for it, and no secret is shown anywhere on the way.

use std::time::Duration;

use callbacks_testkit::certificates::CertificateAuthority;
use callbacks_testkit::webhook_receiver::{Answer, WebhookReceiver};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::arrival::{header, numbers};
use crate::support::patience::eventually_true;
use crate::support::scene::{EVENT_TYPE, PATH, Scene};

const LIMIT: Duration = Duration::from_secs(10);

fn token(text: &str) -> Answer {
    let body = json!({"access_token": text, "token_type": "Bearer", "expires_in": 3600});
    Answer::status(200).header("content-type", "application/json").body(body.to_string())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_and_tokens_reach_the_endpoint_and_nobody_else() {
    let scene = Scene::with_replicas(1, &[]).await;
    let api = scene.replicas[0].api();
    let (authority, clients) = (CertificateAuthority::new(), CertificateAuthority::new());
    let identity = authority.issue(&["127.0.0.1"]);
    let receiver = WebhookReceiver::start_tls(&identity.requiring_clients_of(&clients)).await;
    let server = WebhookReceiver::start_tls(&identity).await;
    let refusal = Answer::status(401).body(json!({"error": "invalid_client"}).to_string());
    server.script("/token", [refusal, token("canary-token")]);
    api.authorize(&receiver.host()).await;
    api.authorize(&server.host()).await;
    let client = clients.issue_client("callbacks");
    let credentials = json!({
        "endpointAuth": {"type": "OAUTH2_CLIENT_CREDENTIALS", "tokenUrl": server.url("/token"), "clientId": "shop",
            "clientSecret": "canary-secret"},
        "tls": {"caPem": authority.pem(), "clientCertPem": client.certificate, "clientKeyPem": client.key},
    });
    let id = api.configure(&receiver.url(PATH), EVENT_TYPE, credentials).await;
    scene.await_matches(&scene.replicas[0], EVENT_TYPE, 1).await;
    api.publish(EVENT_TYPE, json!({"number": 1})).await;
    let arrived = async || numbers(&receiver.requests()).contains(&1);
    eventually_true(LIMIT, "the event arrives with certificate and token", arrived).await;
    assert!(
        receiver.requests().iter().all(|seen| header(seen, "authorization") == Some("Bearer canary-token"))
    );

    let failed = api.executions(&id, "FAILED_RETRYING").await;
    let said: Vec<&str> = failed.iter().filter_map(|execution| execution["errorMessage"].as_str()).collect();
    assert!(
        said.iter().any(|text| text.contains("no access token") && text.contains("invalid_client")),
        "{failed:?}"
    );

    let path = format!("/api/v1/callback-configurations/{id}");
    let view = api.expect(200, Method::GET, &path, None).await;
    assert_eq!((&view["endpointAuth"], &view["endpointAuthConfigured"]), (&Value::Null, &json!(true)));
    assert_eq!((&view["tls"], &view["tlsConfigured"]), (&Value::Null, &json!(true)));
    let shown = format!("{view}{failed:?}{:?}", api.executions(&id, "SUCCESS").await);
    assert!(!shown.contains("canary") && !shown.contains("PRIVATE"), "{shown}");

    // Written back as it was read, it still works; without its certificates it does not.
    api.expect(200, Method::PUT, &path, Some(&view)).await;
    api.publish(EVENT_TYPE, json!({"number": 2})).await;
    let arrived = async || numbers(&receiver.requests()).contains(&2);
    eventually_true(LIMIT, "the event arrives after the configuration was written back", arrived).await;
    api.change(&id, json!({"tls": null})).await;
    let refused = async || {
        api.publish(EVENT_TYPE, json!({"number": 3})).await;
        let failed = api.executions(&id, "FAILED_RETRYING").await;
        failed
            .iter()
            .any(|execution| execution["errorMessage"].as_str().is_some_and(|text| text.contains("TLS with")))
    };
    eventually_true(LIMIT, "without certificates the endpoint is not trusted", refused).await;
}
