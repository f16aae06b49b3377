//! Commands that talk to a running service.

use callbacks_testkit::webhook_receiver::WebhookReceiver;
use serde_json::Value;

use crate::support::Service;

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_triggered_listed_and_replayed() {
    let receiver = WebhookReceiver::start().await;
    let service = Service::start().await;
    let url = receiver.url("/hook");
    let file = format!(
        "domains: [{{domain: '127.0.0.1:{}', verified: true, requireHttps: false}}]\n\
         configurations: [{{name: crm, url: '{url}', subscribedEventTypes: [order.*], secret: s, signatureEnabled: true}}]\n",
        receiver.address().port()
    );
    service.run(&["apply", "-f", "-"]).reading(file).output();

    let listed = service.run(&["configurations", "list"]).output();
    assert!(listed.contains("crm") && listed.contains("order.*") && listed.contains("ACTIVE"), "{listed}");
    let json: Value =
        serde_json::from_str(&service.run(&["configurations", "list", "--json"]).output()).expect("JSON");
    assert_eq!(json[0]["name"], "crm");

    let triggered = service.run(&["trigger", "order.created", "--data", "{\"a\":1.0}"]).output();
    assert!(triggered.contains("DELIVERED"), "{triggered}");
    let tested = service.run(&["trigger", "order.created", "crm"]).output();
    assert!(tested.contains("SUCCESS") && tested.contains("HTTP 200"), "{tested}");
    let by_url = service.run(&["trigger", "order.created", &url, "--json"]).output();
    let execution: Value = serde_json::from_str(&by_url).expect("JSON");
    assert_eq!(execution["status"], "SUCCESS");
    let unwanted = service.run(&["trigger", "customer.created", "crm"]).ended();
    assert_eq!(unwanted.code, Some(1), "{}", unwanted.errors);

    let replayed = service.run(&["replay", execution["id"].as_str().expect("an id")]).output();
    assert!(replayed.contains("1 deliveries queued again"), "{replayed}");
    let event = execution["eventId"].as_str().expect("an id");
    assert!(service.run(&["replay", event]).output().contains("dlv_"));
    let nothing = service.run(&["replay", "--configuration", "crm"]).output();
    assert!(nothing.starts_with("0 deliveries"), "{nothing}");
    let missing = service.run(&["replay", "no-such-event"]).ended();
    assert_eq!(missing.code, Some(1), "{}", missing.errors);
}
