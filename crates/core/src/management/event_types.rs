//! The catalogue of event types: what a tenant's producers send, and whether that is enforced.

use callbacks_interfaces::event_type_draft::EventTypeDraft;
use callbacks_interfaces::event_type_entry::{EnforcementView, EventTypeEnforcement, EventTypeEntry};
use callbacks_interfaces::field_reader::FieldReader;
use callbacks_interfaces::filter::FilterRequest;
use callbacks_interfaces::page::Page;
use callbacks_interfaces::tenant::{TenantId, TenantScope};
use callbacks_models::error::StoreError;
use callbacks_models::event_types::{self as stored, MAX_SCHEMA_BYTES, MAX_TYPES, Written};
use serde_json::{Map, Value};

use super::Management;
use super::callback_configurations::owner;
use super::error::ManagementError;
use crate::event_types::payload_schema::PayloadSchema;

const WHAT: &str = "Event type";

/// Which entry a path names.
#[derive(Debug, Clone, Copy)]
pub struct Named<'a> {
    /// Its name or its id.
    pub name: &'a str,
    /// Whose catalogue, for callers who see several.
    pub tenant: Option<&'a TenantId>,
}

/// Creates one; a second of the same name in a tenant is a conflict.
pub async fn create(
    desk: &Management,
    scope: &TenantScope,
    body: &Map<String, Value>,
) -> Result<EventTypeEntry, ManagementError> {
    let draft = EventTypeDraft::create(body)?;
    owner(desk, scope, draft.tenant_id.as_ref())?;
    check(&draft)?;
    let created =
        stored::create(&desk.store, scope, &draft).await.map_err(|error| duplicate(error, &draft))?;
    finish(desk, created, draft.name.as_str()).await
}

/// Reads one.
pub async fn get(
    desk: &Management,
    scope: &TenantScope,
    named: Named<'_>,
) -> Result<EventTypeEntry, ManagementError> {
    let scope = match (scope, named.tenant) {
        (TenantScope::All, Some(tenant)) => &TenantScope::One(tenant.clone()),
        // A foreign catalogue looks like an empty one.
        (TenantScope::One(own), Some(tenant)) if own != tenant => {
            return Err(ManagementError::not_found(WHAT, named.name));
        }
        _ => scope,
    };
    let mut found = stored::named_so(&desk.store, scope, named.name).await?;
    match found.len() {
        0 => Err(ManagementError::not_found(WHAT, named.name)),
        1 => Ok(found.remove(0)),
        _ => Err(ManagementError::Conflict(format!(
            "Several tenants have an event type {}; say whose you mean with ?tenantId=",
            named.name
        ))),
    }
}

/// The JSON Schema of one.
pub async fn schema(
    desk: &Management,
    scope: &TenantScope,
    named: Named<'_>,
) -> Result<Value, ManagementError> {
    let entry = get(desk, scope, named).await?;
    entry.schema.ok_or_else(|| ManagementError::not_found("Schema of the event type", named.name))
}

/// One page of those that match.
pub async fn filter(
    desk: &Management,
    scope: &TenantScope,
    body: &Map<String, Value>,
) -> Result<Page<EventTypeEntry>, ManagementError> {
    let request = FilterRequest::from_body(body)?;
    Ok(stored::filter(&desk.store, scope, &request).await?)
}

/// Replaces everything a caller may set.
pub async fn replace(
    desk: &Management,
    scope: &TenantScope,
    named: Named<'_>,
    body: &Map<String, Value>,
) -> Result<EventTypeEntry, ManagementError> {
    let existing = get(desk, scope, named).await?;
    let draft = EventTypeDraft::replace(&existing, body)?;
    write(desk, scope, &existing, &draft).await
}

/// Changes only what the body mentions.
pub async fn patch(
    desk: &Management,
    scope: &TenantScope,
    named: Named<'_>,
    body: &Map<String, Value>,
) -> Result<EventTypeEntry, ManagementError> {
    let existing = get(desk, scope, named).await?;
    let draft = EventTypeDraft::patched(&existing, body)?;
    write(desk, scope, &existing, &draft).await
}

/// Deletes one. Events of the type are taken on, unless the catalogue is enforced.
pub async fn delete(desk: &Management, scope: &TenantScope, named: Named<'_>) -> Result<(), ManagementError> {
    let existing = get(desk, scope, named).await?;
    if !stored::delete(&desk.store, scope, existing.id).await? {
        return Err(ManagementError::not_found(WHAT, named.name));
    }
    desk.announce().await;
    Ok(())
}

/// What is enforced for a tenant: the caller's own, or the one an operator names (else `default`).
pub async fn enforcement(
    desk: &Management,
    scope: &TenantScope,
    tenant: Option<&TenantId>,
) -> Result<EnforcementView, ManagementError> {
    let tenant_id = tenant_of(scope, tenant)?;
    let enforcement = stored::enforcement(&desk.store, &tenant_id).await?;
    let effective = enforcement.unwrap_or_else(|| desk.engine.default_enforcement());
    Ok(EnforcementView { tenant_id, enforcement, effective })
}

/// Chooses what is enforced for a tenant; `null` hands the choice back to the service's setting.
pub async fn set_enforcement(
    desk: &Management,
    scope: &TenantScope,
    body: &Map<String, Value>,
) -> Result<EnforcementView, ManagementError> {
    let mut reader = FieldReader::new(body);
    if reader.get("enforcement").is_absent() {
        reader.fail("enforcement", "NotNull", "enforcement must be off, warn, reject, or null");
    }
    let chosen: Option<EventTypeEnforcement> = reader.optional_name("enforcement");
    let tenant = reader.parsed("tenantId", "Size", |text: &str| TenantId::try_from(text));
    reader.finish()?;
    let tenant_id = tenant_of(scope, tenant.as_ref())?;
    desk.check_not_deleted(&tenant_id, "tenantId")?;
    stored::set_enforcement(&desk.store, &tenant_id, chosen).await?;
    desk.announce().await;
    enforcement(desk, scope, Some(&tenant_id)).await
}

fn tenant_of(scope: &TenantScope, named: Option<&TenantId>) -> Result<TenantId, ManagementError> {
    match (scope, named) {
        (TenantScope::All, named) => Ok(named.cloned().unwrap_or_else(TenantId::default_tenant)),
        (TenantScope::One(own), named) if named.is_none_or(|named| named == own) => Ok(own.clone()),
        (TenantScope::One(_), _) => {
            Err(ManagementError::Forbidden("tenantId must be your own tenant".to_owned()))
        }
    }
}

async fn write(
    desk: &Management,
    scope: &TenantScope,
    existing: &EventTypeEntry,
    draft: &EventTypeDraft,
) -> Result<EventTypeEntry, ManagementError> {
    check(draft)?;
    let written = stored::replace(&desk.store, scope, existing.id, draft)
        .await
        .map_err(|error| duplicate(error, draft))?;
    finish(desk, written, existing.name.as_str()).await
}

async fn finish(desk: &Management, written: Written, name: &str) -> Result<EventTypeEntry, ManagementError> {
    match written {
        Written::Entry(entry) => {
            desk.announce().await;
            Ok(*entry)
        }
        Written::Missing => Err(ManagementError::not_found(WHAT, name)),
        Written::Full => Err(ManagementError::Conflict(format!(
            "A tenant's catalogue holds at most {MAX_TYPES} event types and {} MiB of schemas; delete what is no \
             longer sent",
            MAX_SCHEMA_BYTES >> 20
        ))),
    }
}

/// The schema must be one, and the example as it says.
fn check(draft: &EventTypeDraft) -> Result<(), ManagementError> {
    let Some(schema) = &draft.schema else { return Ok(()) };
    let compiled = PayloadSchema::compile(schema)
        .map_err(|message| ManagementError::field("schema", "JsonSchema", message))?;
    let Some(example) = &draft.example else { return Ok(()) };
    compiled.judge_value(example).map_err(|violation| {
        let message = format!(
            "The example is not as the schema says, at '{}': {}",
            violation.pointer, violation.message
        );
        ManagementError::field("example", "PayloadSchema", message)
    })
}

fn duplicate(error: StoreError, draft: &EventTypeDraft) -> ManagementError {
    match error {
        StoreError::Conflict { .. } => {
            ManagementError::Conflict(format!("The tenant has an event type {} already", draft.name))
        }
        other => other.into(),
    }
}
