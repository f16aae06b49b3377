//! The client has a method for every operation of the API's document. Each is called against a server that writes down what
//! it is asked, and the questions are compared with the document's paths.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;

use callbacks_interfaces::callback_execution::ExecutionStatus;
use callbacks_interfaces::ids::DeliveryId;
use callbacks_interfaces::secret::SecretText;
use callbacks_interfaces::tenant::TenantId;
use callbacks_sdk::client::bodies::EventBody;
use callbacks_sdk::client::{ApiKeyBody, Client, ReplayAs, ReplayBody, Role, Selection};
use serde_json::{Value, json};
use uuid::Uuid;

/// For others than this client: probes, scrapers, and what svc-infra's own clients call.
const ABSENT: [&str; 8] = [
    "liveness",
    "info",
    "metricNames",
    "metric",
    "prometheus",
    "metrics",
    "svcInfraSubscribe",
    "svcInfraTestFire",
];

#[tokio::test]
async fn every_operation_has_a_method() {
    let (client, asked) = recording_server();
    let id = Uuid::from_u128(7);
    resources(&client, id).await;
    events(&client, id).await;
    access(&client, id).await;
    let asked: Vec<(String, String)> = asked.try_iter().collect();

    let text = include_str!("../../../openapi/callbacks.v1.json");
    let document: Value = serde_json::from_str(text).expect("the document is JSON");
    let paths = document["paths"].as_object().expect("paths");
    let mut missing = BTreeSet::new();
    for (path, item) in paths {
        for (method, operation) in item.as_object().expect("operations") {
            let method = method.to_uppercase();
            let covered = asked.iter().any(|(by, at)| *by == method && is_at(path, at, paths.keys()));
            if !covered {
                missing.insert(operation["operationId"].as_str().expect("an id").to_owned());
            }
        }
    }
    let absent: BTreeSet<String> = ABSENT.into_iter().map(str::to_owned).collect();
    assert_eq!(missing, absent, "operations without a method, and those that are meant to have none");
}

/// Whether a path that was asked for is this one of the document: a literal path beats one with parameters.
fn is_at<'a>(template: &str, asked: &str, mut all: impl Iterator<Item = &'a String>) -> bool {
    let (wanted, given): (Vec<_>, Vec<_>) = (template.split('/').collect(), asked.split('/').collect());
    let fits = wanted.len() == given.len()
        && wanted.iter().zip(&given).all(|(wanted, given)| wanted.starts_with('{') || wanted == given);
    fits && (template == asked || !all.any(|other| other == asked))
}

async fn resources(client: &Client, id: Uuid) {
    let (body, selection) = (json!({}), Selection::all());
    macro_rules! managed {
        ($resource:expr, $id:expr) => {
            let _ = $resource.create(&body).await;
            let _ = $resource.get($id).await;
            let _ = $resource.filter(&selection).await;
            let _ = $resource.list(&[]).await;
            let _ = $resource.replace($id, &body).await;
            let _ = $resource.patch($id, &body).await;
        };
    }
    managed!(client.configurations(), id.into());
    managed!(client.domains(), id.into());
    managed!(client.subscriptions(), id.into());
    managed!(client.event_types(), "order.created");
    let configurations = client.configurations();
    let _ = configurations.delete(id.into()).await;
    let _ = configurations.rotate_secret(id.into()).await;
    let secret = SecretText::try_from("s".to_owned()).expect("a secret");
    let _ = configurations.set_secret(id.into(), &secret).await;
    let _ = configurations.pause(id.into()).await;
    let _ = configurations.resume(id.into()).await;
    let _ = configurations.test(id.into()).await;
    let _ = configurations.statistics(id.into()).await;
    let _ = client.domains().delete(id.into(), "example.com").await;
    let _ = client.domains().verify("example.com", "MANUAL").await;
    let subscriptions = client.subscriptions();
    let _ = subscriptions.delete(id.into()).await;
    let _ = subscriptions.activate(id.into()).await;
    let _ = subscriptions.deactivate(id.into()).await;
    let _ = subscriptions.status(id.into()).await;
    let types = client.event_types();
    let _ = types.delete("order.created").await;
    let _ = types.schema("order.created").await;
    let _ = types.enforcement(None).await;
    let _ = types.set_enforcement(None, Some(&TenantId::default_tenant())).await;
    let replays = client.replays(id.into());
    let _ = replays.start(&ReplayBody::default()).await;
    let _ = replays.estimate(&ReplayBody::default()).await;
    let _ = replays.list().await;
    let _ = replays.get(id.into()).await;
    let _ = replays.cancel(id.into()).await;
}

async fn events(client: &Client, id: Uuid) {
    let event = EventBody::new("order.created", json!({}));
    let events = client.events();
    let _ = events.publish(&event).await;
    let _ = events.publish_batch(std::slice::from_ref(&event)).await;
    let _ = events.explain(&event).await;
    let _ = events.get("order-1").await;
    let _ = events.search(&[]).await;
    let _ = events.replay("order-1").await;
    let executions = client.executions();
    let _ = executions.newest(&[]).await;
    let _ = executions.of_configuration(id.into(), &[]).await;
    let _ = executions.with_status(ExecutionStatus::Success, &[]).await;
    let _ = executions.pending_retries(&[]).await;
    let _ = executions.recent(id.into(), "PT1H").await;
    let _ = executions.filter(&Selection::all()).await;
    let _ = executions.get(id.into()).await;
    let _ = executions.replay(id.into()).await;
    let deliveries = client.deliveries();
    let delivery = DeliveryId { event: id.into(), configuration: id.into() };
    let _ = deliveries.waiting(&[]).await;
    let _ = deliveries.get(delivery).await;
    let _ = deliveries.retry(delivery).await;
    let _ = deliveries.cancel(delivery).await;
    let quarantine = client.quarantine();
    let _ = quarantine.list(&[]).await;
    let _ = quarantine.get(id.into()).await;
    let _ = quarantine.replay(id.into(), &ReplayAs::default()).await;
    let _ = quarantine.discard(id.into()).await;
}

async fn access(client: &Client, id: Uuid) {
    let key = ApiKeyBody { name: "k".to_owned(), role: Role::Operator, tenant_id: None, expires_at: None };
    let keys = client.api_keys();
    let _ = keys.create(&key).await;
    let _ = keys.list(&[]).await;
    let _ = keys.get(id).await;
    let _ = keys.revoke(id).await;
    let (tenants, tenant) = (client.tenants(), TenantId::default_tenant());
    let _ = tenants.create(&tenant, None).await;
    let _ = tenants.list(&[]).await;
    let _ = tenants.get(&tenant).await;
    let _ = tenants.set_active(&tenant, true).await;
    let _ = tenants.delete(&tenant).await;
    let _ = client.audit_log(&[]).await;
    let _ = client.health().await;
    let _ = client.is_ready().await;
    let _ = client.signing_keys().await;
}

/// A client of a server that answers `{}` to everything and tells what it was asked.
fn recording_server() -> (Client, mpsc::Receiver<(String, String)>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("an address");
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let tell = tell.clone();
            std::thread::spawn(move || {
                while let Some(line) = answer(&stream) {
                    let _ = tell.send(line);
                }
            });
        }
    });
    (Client::new(&format!("http://{address}")).expect("a URL"), told)
}

fn answer(mut stream: &TcpStream) -> Option<(String, String)> {
    let mut reader = BufReader::new(stream);
    let (mut first, mut length) = (String::new(), 0);
    reader.read_line(&mut first).ok()?;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let (name, value) = header.split_once(':').unwrap_or_default();
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().ok()?;
        }
        if header.trim().is_empty() {
            break;
        }
    }
    reader.read_exact(&mut vec![0; length]).ok()?;
    let mut words = first.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    stream
        .write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}")
        .ok()?;
    Some((method, target.split('?').next().unwrap_or_default().to_owned()))
}
