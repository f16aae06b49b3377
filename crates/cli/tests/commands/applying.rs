//! `callbacks apply` against a running service.

use serde_json::Value;

use crate::support::Service;

const PYFLY: &str = "
name: crm
tenant_id: acme
secret: s3cr3t
authorized_domains: [{domain: example.com}]
subscriptions:
  - {event_type: order.created, target_url: 'https://crm.example.com/a', headers: {X-A: '1'}}
  - {event_type: '*', target_url: 'https://audit.example.com/b'}
";

fn apply(service: &Service, file: &str, more: &[&str]) -> Value {
    let arguments = [&["apply", "-f", "-", "--json"], more].concat();
    let output = service.run(&arguments).reading(file).output();
    serde_json::from_str(&output).expect("JSON")
}

fn verbs(plan: &Value) -> Vec<&str> {
    let changes = plan["changes"].as_array().expect("changes");
    changes.iter().map(|change| change["change"].as_str().expect("a word")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_applied_once_and_pruned() {
    let service = Service::start().await;
    let file = "
tenantId: acme
domains: [hooks.example.com, '*.example.org']
configurations:
  - {name: a, url: 'https://hooks.example.com', subscribedEventTypes: ['*'], secret: '${SECRET}', signatureEnabled: true,
     customHeaders: {Authorization: Bearer x}, retryPolicy: {type: LINEAR, delayMs: 1000}, metadata: {team: one}}
  - {name: b, url: 'https://hooks.example.com/b', subscribedEventTypes: [order.*]}
subscriptions:
  - {name: s, messagingSystemType: KAFKA, topicOrQueue: orders, active: false}
";
    let apply = |text: &str, more: &[&str]| -> Value {
        let arguments = [&["apply", "-f", "-", "--json"], more].concat();
        let output = service.run(&arguments).with("SECRET", "s3cr3t").reading(text).output();
        assert!(!output.contains("s3cr3t"), "{output}");
        serde_json::from_str(&output).expect("JSON")
    };
    assert_eq!(verbs(&apply(file, &["--dry-run"])), ["create"; 5]);
    assert_eq!(verbs(&apply(file, &[])), ["create"; 5]);
    assert_eq!(verbs(&apply(file, &[])), ["keep"; 5]);

    let changed = file.replace("order.*", "order.created").replace("orders,", "orders-2,");
    let plan = apply(&changed, &[]);
    assert_eq!(verbs(&plan), ["keep", "keep", "keep", "update", "update"]);
    assert_eq!(plan["changes"][3]["differences"][0]["member"], "subscribedEventTypes");
    assert_eq!(verbs(&apply(&changed, &["--update-secrets"])), ["keep", "keep", "update", "keep", "keep"]);

    let fewer = "{tenantId: acme, configurations: [], subscriptions: []}";
    assert!(verbs(&apply(fewer, &[])).is_empty());
    assert_eq!(verbs(&apply(fewer, &["--prune"])), ["delete"; 3]);
    let table =
        service.run(&["apply", "-f", "-"]).reading("{tenantId: acme, domains: [hooks.example.com]}").output();
    assert!(table.contains("= keep") && table.contains("0 to create"), "{table}");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_systems_file_is_imported_as_a_group() {
    let service = Service::start().await;
    let dry = service.run(&["apply", "-f", "-", "--dry-run"]).reading(PYFLY).output();
    assert!(dry.contains("crm/1") && dry.contains("crm/2") && dry.contains("4 to create"), "{dry}");
    let wire_profiles = service.run(&["apply", "-f", "-"]).reading(PYFLY).ended();
    assert_eq!(wire_profiles.code, Some(0), "{}", wire_profiles.errors);
    assert_eq!(verbs(&apply(&service, PYFLY, &[])), ["keep"; 4]);
    let listed = service.run(&["configurations", "list", "--group", "crm"]).output();
    assert!(listed.contains("crm/1") && listed.contains("crm/2"), "{listed}");
    let other = service.run(&["configurations", "list", "--group", "other"]).output();
    assert!(!other.contains("crm/1"), "{other}");
    let pruned = PYFLY.replace("  - {event_type: '*', target_url: 'https://audit.example.com/b'}\n", "");
    assert_eq!(verbs(&apply(&service, &pruned, &["--prune"])), ["keep", "keep", "delete"]);
}
