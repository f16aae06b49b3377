//! Events: taken in, put before gates, looked up, explained, delivered again.

use std::time::Duration;

use callbacks_interfaces::cursor::Cursor;
use callbacks_interfaces::event::{EventAccepted, EventView};
use callbacks_interfaces::event_explanation::EventExplanation;
use callbacks_interfaces::event_submission::EventSubmission;
use callbacks_interfaces::field_errors::{FieldError, ValidationErrors};
use callbacks_interfaces::gate_answer::GateAnswer;
use callbacks_interfaces::ids::{ConfigurationId, DeliveryId, EventRowId};
use callbacks_interfaces::tenant::{TenantId, TenantScope};
use callbacks_models::{delivery_queue_api, events as stored};
use serde::Serialize;

use super::Management;
use super::error::ManagementError;
use super::position::{Position, Slice};
use crate::before::GateError;
use crate::event_types::gate::TypeRefusal;
use crate::hop_count::{HOPS_HEADER, HopRefusal};
use crate::intake::error::IntakeError;

pub use callbacks_models::events::EventSearch;

const WHAT: &str = "Event";
/// When a producer whose event could not be put before its gates should ask again.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(1);
/// Most events of a batch that are named in a refusal.
const ERRORS_MAX: usize = 100;
/// Most rows of one answer.
pub const MAX_ROWS: usize = 500;

/// Takes one event in; answers after the commit that makes it durable.
pub async fn accept_one(
    desk: &Management,
    scope: &TenantScope,
    submission: EventSubmission,
) -> Result<EventAccepted, ManagementError> {
    let tenant = tenant_of(desk, scope, &submission, "tenantId")?;
    check(desk, &tenant, std::slice::from_ref(&submission), |_| String::new())?;
    let accepted =
        desk.engine.accept(&tenant, vec![submission]).await.map_err(|error| intake_error(&error))?;
    accepted.into_iter().next().ok_or(ManagementError::Internal)
}

/// Takes a batch of one tenant in, all or none.
pub async fn accept_batch(
    desk: &Management,
    scope: &TenantScope,
    submissions: Vec<EventSubmission>,
) -> Result<Vec<EventAccepted>, ManagementError> {
    let mut tenant = None;
    for (index, submission) in submissions.iter().enumerate() {
        let field = format!("[{index}].tenantId");
        let named = tenant_of(desk, scope, submission, &field)?;
        if tenant.get_or_insert_with(|| named.clone()) != &named {
            let message = "All events of a batch must belong to one tenant; send one batch a tenant";
            return Err(ManagementError::field(&field, "Pattern", message));
        }
    }
    let tenant = tenant.unwrap_or_else(TenantId::default_tenant);
    check(desk, &tenant, &submissions, |index| format!("[{index}]."))?;
    desk.engine.accept(&tenant, submissions).await.map_err(|error| intake_error(&error))
}

/// Puts an event that is about to happen before the gates; answers when all have voted, at the latest after `patience`.
pub async fn ask_gates(
    desk: &Management,
    scope: &TenantScope,
    submission: EventSubmission,
    patience: Duration,
) -> Result<GateAnswer, ManagementError> {
    let tenant = tenant_of(desk, scope, &submission, "tenantId")?;
    check(desk, &tenant, std::slice::from_ref(&submission), |_| String::new())?;
    desk.engine.ask_gates(&tenant, submission, patience).await.map_err(|error| match error {
        GateError::Unavailable => ManagementError::Unavailable { retry_after: ASK_AGAIN_AFTER },
        GateError::Overloaded => ManagementError::Overloaded { retry_after: ASK_AGAIN_AFTER },
        GateError::TooMany { .. } => {
            ManagementError::Conflict(format!("{error}; merge some, or narrow their event types"))
        }
    })
}

/// Refuses events that were passed on too often, or are not as the tenant's catalogue of event types says.
fn check(
    desk: &Management,
    tenant: &TenantId,
    submissions: &[EventSubmission],
    prefix: impl Fn(usize) -> String,
) -> Result<(), ManagementError> {
    let refused = submissions.iter().enumerate().filter_map(|(index, submission)| {
        let refusal = desk.engine.judge_hops(submission.headers.as_ref()).err()?;
        let code = match refusal {
            HopRefusal::TooMany { .. } => "LoopDetected",
            HopRefusal::Unreadable(_) => "TypeMismatch",
        };
        let message = refusal.to_string().replacen("the event", "The event", 1);
        Some(FieldError::new(format!("{}{HOPS_HEADER}", prefix(index)), code, message))
    });
    let errors: Vec<FieldError> = refused.take(ERRORS_MAX).collect();
    if errors.is_empty() {
        check_types(desk, tenant, submissions, prefix)
    } else {
        Err(ManagementError::Invalid(ValidationErrors(errors)))
    }
}

/// Refuses events that are not as the tenant's catalogue of event types says, if that is enforced.
fn check_types(
    desk: &Management,
    tenant: &TenantId,
    submissions: &[EventSubmission],
    prefix: impl Fn(usize) -> String,
) -> Result<(), ManagementError> {
    let events = submissions.iter().map(|one| (one.event_type.as_str(), one.payload.as_bytes()));
    let refused = desk.engine.refused_types(tenant, events);
    if refused.is_empty() {
        return Ok(());
    }
    let errors = refused.into_iter().take(ERRORS_MAX).map(|(index, refusal)| {
        let (field, code) = match &refusal {
            TypeRefusal::Unknown { .. } => ("type".to_owned(), "UnknownEventType"),
            TypeRefusal::Payload { violation, .. } => {
                (format!("payload{}", violation.pointer), "PayloadSchema")
            }
        };
        let mut message = refusal.to_string();
        message.replace_range(..1, "T");
        FieldError::new(format!("{}{field}", prefix(index)), code, message)
    });
    Err(ManagementError::Invalid(ValidationErrors(errors.collect())))
}

/// Where the event would go.
pub fn explain(
    desk: &Management,
    scope: &TenantScope,
    submission: &EventSubmission,
) -> Result<EventExplanation, ManagementError> {
    let tenant = tenant_of(desk, scope, submission, "tenantId")?;
    Ok(desk.engine.explain(&tenant, submission))
}

/// Reads one with its payload and its deliveries. `id` is the service's id or the producer's; of several events with
/// the same producer's id, the newest.
pub async fn get(desk: &Management, scope: &TenantScope, id: &str) -> Result<EventView, ManagementError> {
    stored::get(&desk.store, scope, id).await?.ok_or_else(|| ManagementError::not_found(WHAT, &id))
}

/// Those that match, newest first, without payloads.
pub async fn search(
    desk: &Management,
    scope: &TenantScope,
    search: &EventSearch,
    position: Position,
) -> Result<Slice<EventView>, ManagementError> {
    let rows =
        stored::search(&desk.store, scope, search, position.before, i64::from(position.one_more())).await?;
    Ok(Slice::cut(rows, position, |row| Cursor::from(row.id.uuid())))
}

/// What a replay put into the queue.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Replayed {
    /// The event.
    pub event_id: String,
    /// Its deliveries that will be attempted again.
    pub deliveries: Vec<DeliveryId>,
}

/// Delivers an event again to every configuration it matched when it was accepted.
pub async fn replay(desk: &Management, scope: &TenantScope, id: &str) -> Result<Replayed, ManagementError> {
    let event = get(desk, scope, id).await?;
    let targets: Vec<ConfigurationId> =
        event.deliveries.iter().flatten().map(|delivery| delivery.configuration_id).collect();
    let queued = queue_again(desk, scope, event.id, &targets).await?;
    let deliveries =
        queued.into_iter().map(|configuration| DeliveryId { event: event.id, configuration }).collect();
    Ok(Replayed { event_id: event.event_id, deliveries })
}

/// Puts deliveries into the queue, due now, with a fresh set of attempts. Those still under way are left alone, as are
/// those whose configuration is gone; answers which were queued.
pub(super) async fn queue_again(
    desk: &Management,
    scope: &TenantScope,
    event: EventRowId,
    configurations: &[ConfigurationId],
) -> Result<Vec<ConfigurationId>, ManagementError> {
    let queued = delivery_queue_api::replay(&desk.store, scope, event, configurations).await?;
    for configuration in &queued {
        desk.wake(*configuration);
    }
    Ok(queued)
}

/// Whose event it is: the one it names if the caller may, else the caller's, else the default. `field` is where it names it.
fn tenant_of(
    desk: &Management,
    scope: &TenantScope,
    submission: &EventSubmission,
    field: &str,
) -> Result<TenantId, ManagementError> {
    let tenant = match (scope, &submission.tenant) {
        (TenantScope::All, Some(named)) => named.clone(),
        (TenantScope::All, None) => TenantId::default_tenant(),
        (TenantScope::One(own), named) if named.as_ref().is_none_or(|named| named == own) => own.clone(),
        (TenantScope::One(_), _) => {
            return Err(ManagementError::Forbidden("tenantId must be your own tenant".to_owned()));
        }
    };
    desk.check_not_deleted(&tenant, field)?;
    Ok(tenant)
}

/// What a failed intake means for the caller.
pub(super) fn intake_error(error: &IntakeError) -> ManagementError {
    match *error {
        IntakeError::Unavailable { retry_after } => ManagementError::Unavailable { retry_after },
        IntakeError::Overloaded { retry_after } => ManagementError::Overloaded { retry_after },
        IntakeError::Refused => ManagementError::Internal,
    }
}
