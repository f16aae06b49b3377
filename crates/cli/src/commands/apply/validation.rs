use std::collections::BTreeSet;

use anyhow::bail;
use callbacks_core::routing::filter_expression::FilterExpression;
use callbacks_interfaces::authorized_domain_draft::AuthorizedDomainDraft;
use callbacks_interfaces::configuration_draft::ConfigurationDraft;
use callbacks_interfaces::event_subscription_draft::EventSubscriptionDraft;
use callbacks_interfaces::field_errors::ValidationErrors;
use serde_json::{Map, Value, json};

use super::wanted::{Kind, Wanted, WantedResource};

/// Checks every resource by the rules the API has, and reports all that is wrong at once, each with its place in the file.
pub(super) fn check(wanted: &Wanted) -> anyhow::Result<()> {
    let document = serde_json::to_value(callbacks_web::openapi())?;
    let known = |kind| known_members(&document, kind);
    let (domains, configurations, subscriptions) =
        (known(Kind::Domain), known(Kind::Configuration), known(Kind::Subscription));
    let mut problems = Vec::new();
    for resource in &wanted.resources {
        let known = match resource.kind {
            Kind::Domain => &domains,
            Kind::Configuration => &configurations,
            Kind::Subscription => &subscriptions,
        };
        for unknown in resource.body.keys().filter(|member| !known.contains(member.as_str())) {
            problems.push(format!("{}.{unknown}: the API knows no such member", resource.place));
        }
        problems
            .extend(problems_of(resource).into_iter().map(|problem| format!("{}.{problem}", resource.place)));
    }
    if problems.is_empty() { Ok(()) } else { bail!("the file is not valid:\n  {}", problems.join("\n  ")) }
}

fn problems_of(resource: &WantedResource) -> Vec<String> {
    let checked = match resource.kind {
        Kind::Domain => AuthorizedDomainDraft::create(&resource.body).map(drop),
        Kind::Configuration => ConfigurationDraft::create(&with_secret(&resource.body)).map(drop),
        Kind::Subscription => EventSubscriptionDraft::create(&resource.body).map(drop),
    };
    let errors = checked.err().map_or_else(Vec::new, |ValidationErrors(errors)| errors);
    let mut problems: Vec<String> =
        errors.into_iter().map(|error| format!("{}: {}", error.field, error.message)).collect();
    if let Some(Err(error)) =
        resource.body.get("filterExpression").and_then(Value::as_str).map(FilterExpression::compile)
    {
        problems.push(format!("filterExpression: {error}"));
    }
    problems
}

/// The secret may be stored already; whether it is, only the service knows.
fn with_secret(body: &Map<String, Value>) -> Map<String, Value> {
    let mut body = body.clone();
    if body.get("signatureEnabled") == Some(&Value::Bool(true)) {
        body.entry("secret").or_insert_with(|| json!("stored"));
    }
    body
}

/// The members of a request body, as the API's own document lists them.
fn known_members(document: &Value, kind: Kind) -> BTreeSet<String> {
    let schema = match kind {
        Kind::Domain => "AuthorizedDomainDTO",
        Kind::Configuration => "CallbackConfigurationDTO",
        Kind::Subscription => "EventSubscriptionDTO",
    };
    let properties = &document["components"]["schemas"][schema]["properties"];
    properties.as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(kind: Kind, body: &Value) -> Wanted {
        let resource = WantedResource {
            kind,
            place: "configurations[0]".to_owned(),
            tenant: "default".to_owned(),
            name: "a".to_owned(),
            body: body.as_object().expect("an object").clone(),
        };
        Wanted { resources: vec![resource], ..Wanted::default() }
    }

    #[test]
    fn everything_wrong_is_reported_at_once() {
        let body = json!({"name": "", "url": "ftp://a", "subscribedEventTypes": [], "filterExpression": "$[", "maxRetrys": 1});
        let error = check(&wanted(Kind::Configuration, &body)).expect_err("not valid").to_string();
        for part in [
            "[0].name:",
            "[0].url: URL must start",
            "At least one event type",
            "[0].filterExpression:",
            "[0].maxRetrys:",
        ] {
            assert!(error.contains(part), "{part} is missing: {error}");
        }
    }

    #[test]
    fn valid_resources_of_every_kind_pass() {
        let configuration = json!({"name": "a", "url": "https://a.example", "subscribedEventTypes": ["*"], "signatureEnabled": true, "tenantId": "t"});
        check(&wanted(Kind::Configuration, &configuration)).expect("valid");
        check(&wanted(Kind::Domain, &json!({"domain": "a.example", "verified": true, "tenantId": "t"})))
            .expect("valid");
        let subscription =
            json!({"name": "a", "messagingSystemType": "KAFKA", "topicOrQueue": "t", "tenantId": "t"});
        check(&wanted(Kind::Subscription, &subscription)).expect("valid");
    }
}
