//! Which configurations get an event. Pure: the snapshot and the event decide, nothing else.

use std::sync::Arc;

use callbacks_interfaces::ids::ConfigurationId;

use super::directory::TenantDirectory;
use super::event_document::EventDocument;
use super::target::Target;

/// What routing decided.
#[derive(Debug, Default)]
pub struct Routed {
    /// Configurations that get a delivery.
    pub deliver: Vec<Arc<Target>>,
    /// Configurations that wanted the type but whose filter refused the event, and why.
    pub skipped: Vec<(ConfigurationId, String)>,
}

/// Routes an event of a tenant.
pub fn route(tenant: &TenantDirectory, event: &EventDocument<'_>) -> Routed {
    let mut routed = Routed::default();
    for target in tenant.wanting(event.event_type()).filter(|target| target.takes_events()) {
        match refusal_by_filter(target, event) {
            None => routed.deliver.push(Arc::clone(target)),
            Some(reason) => routed.skipped.push((target.id, reason)),
        }
    }
    routed
}

/// Why the target's filter refuses the event; filters that cannot be evaluated refuse (fail closed).
pub(crate) fn refusal_by_filter(target: &Target, event: &EventDocument<'_>) -> Option<String> {
    match target.filter.as_ref()? {
        Err(reason) => Some(format!("filterExpression does not compile: {reason}")),
        Ok(filter) => match filter.evaluate(event) {
            Ok(true) => None,
            Ok(false) => Some("filterExpression does not match".to_owned()),
            Err(failure) => Some(format!("filterExpression could not be evaluated: {failure}")),
        },
    }
}
