//! Takes an event in and waits for what its first attempts come to.

use std::time::Duration;

use callbacks_interfaces::delivery::DeliveryState;
use callbacks_interfaces::event::EventDeliveryView;
use callbacks_interfaces::event_result::EventResult;
use callbacks_interfaces::event_submission::EventSubmission;
use callbacks_interfaces::ids::EventRowId;
use callbacks_interfaces::tenant::TenantScope;
use callbacks_models::{callback_executions, events as stored};
use tokio::time::{Instant, timeout_at};

use super::Management;
use super::error::ManagementError;
use super::events::accept_one;
use crate::delivery::settlement_watch::Watching;

/// How often is looked for what nobody here tells: deliveries that other replicas make.
const LOOK: Duration = Duration::from_millis(250);
/// How often is looked all the same when this replica is to tell.
const LOOK_ANYWAY: Duration = Duration::from_secs(1);
/// Least time between two looks: deliveries that are settled one by one are not looked at one by one.
const LEAST_PAUSE: Duration = Duration::from_millis(10);
/// Most executions of an answer.
const EXECUTIONS_MAX: i64 = 1000;

/// Takes an event in and answers when each of its deliveries was attempted or settled; else, after `patience`, with what
/// is known then.
pub async fn accept_and_wait(
    desk: &Management,
    scope: &TenantScope,
    submission: EventSubmission,
    patience: Duration,
) -> Result<EventResult, ManagementError> {
    let event_type = submission.event_type.as_str().to_owned();
    let accepted = accept_one(desk, scope, submission).await?;
    let row = accepted.row_id.ok_or(ManagementError::Internal)?;
    let deliveries = attempted(desk, scope, row, Instant::now() + patience).await?;
    let executions = callback_executions::of_event(&desk.store, scope, row, EXECUTIONS_MAX).await?;
    Ok(EventResult::new(accepted, event_type, deliveries, executions))
}

/// The event's deliveries, once each of them was attempted, or as they are at the deadline.
async fn attempted(
    desk: &Management,
    scope: &TenantScope,
    event: EventRowId,
    deadline: Instant,
) -> Result<Vec<EventDeliveryView>, ManagementError> {
    // Before the first look: what is settled from now on is told, what was settled before is seen.
    let watching = desk.engine.watch_settlements(event);
    loop {
        let deliveries = stored::deliveries(&desk.store, scope, event).await?;
        if !deliveries.iter().any(is_awaited) || Instant::now() >= deadline {
            return Ok(deliveries);
        }
        let next_look = deadline.min(Instant::now() + pause(&deliveries, watching.as_ref()));
        if let Some(watching) = &watching {
            let _ = timeout_at(next_look, watching.settled()).await;
            tokio::time::sleep(LEAST_PAUSE).await;
        } else {
            tokio::time::sleep_until(next_look).await;
        }
    }
}

/// Whether its first attempt is still to come.
fn is_awaited(delivery: &EventDeliveryView) -> bool {
    let open =
        matches!(delivery.state, DeliveryState::Pending | DeliveryState::InProgress | DeliveryState::Held);
    open && delivery.attempts == 0
}

/// How long to go without a look. What has a place in the queue table may be delivered by any replica.
fn pause(deliveries: &[EventDeliveryView], watching: Option<&Watching>) -> Duration {
    let is_queued = |one: &EventDeliveryView| is_awaited(one) && one.next_attempt_at.is_some();
    if watching.is_none() || deliveries.iter().any(is_queued) { LOOK } else { LOOK_ANYWAY }
}
