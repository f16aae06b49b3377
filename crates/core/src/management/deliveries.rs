//! Deliveries that are not settled: looked at, hurried, cancelled.

use callbacks_interfaces::cursor::Cursor;
use callbacks_interfaces::delivery::DeliveryView;
use callbacks_interfaces::ids::{ConfigurationId, DeliveryId};
use callbacks_interfaces::tenant::TenantScope;
use callbacks_models::delivery_queue_api as stored;

use super::Management;
use super::error::ManagementError;
use super::position::{Position, Slice};

const WHAT: &str = "Delivery";
/// Most rows of one answer.
pub const MAX_ROWS: usize = 500;

/// Those in the queue, those of the newest events first.
pub async fn list(
    desk: &Management,
    scope: &TenantScope,
    configuration: Option<ConfigurationId>,
    position: Position,
) -> Result<Slice<DeliveryView>, ManagementError> {
    let rows =
        stored::list(&desk.store, scope, configuration, position.before, i64::from(position.one_more()))
            .await?;
    Ok(Slice::cut(rows, position, |row| Cursor::from(row.id.event.uuid())))
}

/// Reads one, settled or not.
pub async fn get(
    desk: &Management,
    scope: &TenantScope,
    id: DeliveryId,
) -> Result<DeliveryView, ManagementError> {
    stored::get(&desk.store, scope, id).await?.ok_or_else(|| ManagementError::not_found(WHAT, &id))
}

/// Makes one due now instead of later.
pub async fn retry(
    desk: &Management,
    scope: &TenantScope,
    id: DeliveryId,
) -> Result<DeliveryView, ManagementError> {
    if !stored::retry_now(&desk.store, scope, id).await? {
        return Err(not_waiting(desk, scope, id).await);
    }
    desk.wake(id.configuration);
    get(desk, scope, id).await
}

/// Takes one out of the queue: it is not attempted again.
pub async fn cancel(desk: &Management, scope: &TenantScope, id: DeliveryId) -> Result<(), ManagementError> {
    if stored::cancel(&desk.store, scope, id).await? {
        Ok(())
    } else {
        Err(not_waiting(desk, scope, id).await)
    }
}

async fn not_waiting(desk: &Management, scope: &TenantScope, id: DeliveryId) -> ManagementError {
    match get(desk, scope, id).await {
        Ok(found) => {
            ManagementError::Conflict(format!("The delivery is not waiting; it is {}", found.state.as_str()))
        }
        Err(error) => error,
    }
}
