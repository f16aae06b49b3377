//! Callback executions: every attempt, read newest first.

use callbacks_interfaces::callback_execution::CallbackExecution;
use callbacks_interfaces::cursor::Cursor;
use callbacks_interfaces::duration_text::DurationText;
use callbacks_interfaces::filter::FilterRequest;
use callbacks_interfaces::ids::{ConfigurationId, DeliveryId, ExecutionId};
use callbacks_interfaces::page::Page;
use callbacks_interfaces::tenant::TenantScope;
use callbacks_models::callback_executions as stored;
use serde::Serialize;
use serde_json::{Map, Value};

use super::Management;
use super::error::ManagementError;
use super::position::{Position, Slice};

pub use callbacks_models::callback_executions::ExecutionSelection;

const WHAT: &str = "Callback execution";
/// Most rows of one bare-array answer.
pub const MAX_ROWS: usize = 1_000;

/// Reads one.
pub async fn get(
    desk: &Management,
    scope: &TenantScope,
    id: ExecutionId,
) -> Result<CallbackExecution, ManagementError> {
    stored::get(&desk.store, scope, id).await?.ok_or_else(|| ManagementError::not_found(WHAT, &id))
}

/// One page of those that match.
pub async fn filter(
    desk: &Management,
    scope: &TenantScope,
    body: &Map<String, Value>,
) -> Result<Page<CallbackExecution>, ManagementError> {
    let request = FilterRequest::from_body(body)?;
    Ok(stored::filter(&desk.store, scope, &request).await?)
}

/// Those of a selection, newest first; pending retries come in the order in which they are due.
pub async fn newest(
    desk: &Management,
    scope: &TenantScope,
    selection: &ExecutionSelection,
    position: Position,
) -> Result<Slice<CallbackExecution>, ManagementError> {
    let rows = stored::newest(&desk.store, scope, selection, position.before, i64::from(position.one_more()))
        .await?;
    let mut slice = Slice::cut(rows, position, |row| Cursor::from(row.id.uuid()));
    if matches!(selection, ExecutionSelection::PendingRetries) {
        slice.rows.sort_by_key(|row| row.next_retry_at);
    }
    Ok(slice)
}

/// The selection of one configuration's executions within `duration` (ISO-8601, e.g. `PT24H`) before now.
pub fn recent(configuration: ConfigurationId, duration: &str) -> Result<ExecutionSelection, ManagementError> {
    let refused = |reason: String| ManagementError::field("duration", "Pattern", reason);
    let DurationText(duration) =
        duration.parse().map_err(|error| refused(format!("duration is not valid: {error}")))?;
    let within = duration.try_into().map_err(|_| refused("duration must not be negative".to_owned()))?;
    Ok(ExecutionSelection::Recent { configuration, within })
}

/// A delivery that was put back into the queue.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReplayedDelivery {
    /// The same id as before.
    pub delivery_id: DeliveryId,
}

/// Delivers the event of an execution to its configuration again.
pub async fn replay(
    desk: &Management,
    scope: &TenantScope,
    id: ExecutionId,
) -> Result<ReplayedDelivery, ManagementError> {
    let execution = get(desk, scope, id).await?;
    let delivery = execution.delivery_id;
    let queued = super::events::queue_again(desk, scope, delivery.event, &[delivery.configuration]).await?;
    if queued.is_empty() {
        // Under way already, or not there to be sent: retention has taken the event, or a gate was only asked about it.
        super::events::get(desk, scope, &delivery.event.to_string()).await?;
    }
    Ok(ReplayedDelivery { delivery_id: delivery })
}
