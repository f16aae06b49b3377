//! Why an event would or would not reach each configuration of its tenant, in words.

use callbacks_interfaces::callback_configuration::CallbackStatus;
use callbacks_interfaces::event_explanation::ConfigurationExplanation;
use time::OffsetDateTime;

use super::directory::TenantDirectory;
use super::event_document::EventDocument;
use super::router::refusal_by_filter;
use super::target::Target;
use crate::gates::domain_authorization::{allow_list_permits, permit};

/// One explanation a configuration, in the order of the directory.
pub fn explain(
    tenant: &TenantDirectory,
    event: &EventDocument<'_>,
    now: OffsetDateTime,
) -> Vec<ConfigurationExplanation> {
    tenant
        .targets
        .iter()
        .map(|target| {
            let reasons = obstacles(tenant, target, event, now);
            ConfigurationExplanation {
                configuration_id: target.id,
                name: target.name.clone(),
                matches: matches(target, event),
                reason: (!reasons.is_empty()).then(|| reasons.join("; ")),
            }
        })
        .collect()
}

fn matches(target: &Target, event: &EventDocument<'_>) -> bool {
    target.takes_events() && wants(target, event) && refusal_by_filter(target, event).is_none()
}

fn wants(target: &Target, event: &EventDocument<'_>) -> bool {
    target.patterns.iter().any(|pattern| pattern.matches(event.event_type()))
}

fn obstacles(
    tenant: &TenantDirectory,
    target: &Target,
    event: &EventDocument<'_>,
    now: OffsetDateTime,
) -> Vec<String> {
    let mut reasons = Vec::new();
    if !target.active {
        reasons.push("the configuration is not active".to_owned());
    }
    match target.status {
        CallbackStatus::Active => {}
        CallbackStatus::Paused => {
            reasons.push("status is PAUSED: the delivery would wait until it is resumed".to_owned());
        }
        status => reasons.push(format!("status is {}", status.as_str())),
    }
    if !wants(target, event) {
        reasons.push(format!("no pattern in subscribedEventTypes matches '{}'", event.event_type()));
    }
    reasons.extend(refusal_by_filter(target, event));
    if let Err(refusal) = permit(&target.url, tenant.domain_policy, &tenant.domains, now) {
        reasons.push(format!("the delivery would be refused: {refusal}"));
    }
    if target.allowed_domains.as_ref().is_some_and(|list| !allow_list_permits(&target.url, list)) {
        reasons.push(
            "the delivery would be refused: its host is not in the configuration's allowedDomains".to_owned(),
        );
    }
    reasons
}
