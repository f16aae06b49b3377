//! One tenant's catalogue, compiled, as the directory's snapshot holds it.

use std::collections::HashMap;

use callbacks_interfaces::event_type_entry::EventTypeEnforcement;
use callbacks_interfaces::tenant::TenantId;
use callbacks_models::event_types as stored;
use tracing::error;

use super::payload_schema::PayloadSchema;

/// The catalogue of one tenant.
#[derive(Debug, Default)]
pub struct Catalogue {
    /// What the tenant wants enforced; `None` when the service's setting applies.
    pub enforcement: Option<EventTypeEnforcement>,
    types: HashMap<Box<str>, Option<PayloadSchema>>,
}

/// What the catalogue says about a type.
#[derive(Debug, Clone, Copy)]
pub enum Known<'a> {
    /// It is not in the catalogue.
    No,
    /// It is, and its payloads may be anything.
    AnyPayload,
    /// It is, with a schema.
    Payload(&'a PayloadSchema),
}

impl Catalogue {
    /// Compiles what is stored; schemas that did not change are taken over from `before`.
    pub fn compile(rows: stored::Catalogue, tenant: &TenantId, before: Option<&Self>) -> Self {
        let types = rows.types.into_iter().map(|(name, text)| {
            let kept = before.and_then(|before| before.types.get(name.as_str())?.as_ref());
            let schema = text.and_then(|text| {
                kept.filter(|kept| kept.text() == text).cloned().or_else(|| compiled(tenant, &name, &text))
            });
            (name.into_boxed_str(), schema)
        });
        Self { enforcement: rows.enforcement, types: types.collect() }
    }

    /// What is said about a type.
    #[must_use]
    pub fn about(&self, event_type: &str) -> Known<'_> {
        match self.types.get(event_type) {
            None => Known::No,
            Some(None) => Known::AnyPayload,
            Some(Some(schema)) => Known::Payload(schema),
        }
    }
}

/// A stored schema was compiled when it was written; if it no longer is one, events must not pay for that.
fn compiled(tenant: &TenantId, name: &str, text: &str) -> Option<PayloadSchema> {
    let schema = serde_json::from_str(text).map_err(|error| error.to_string());
    schema
        .and_then(|schema| PayloadSchema::compile(&schema))
        .inspect_err(|reason| {
            error!(%tenant, event_type = name, reason, "the schema of event type {name} cannot be used and its payloads are not checked; write it anew: {reason}");
        })
        .ok()
}
