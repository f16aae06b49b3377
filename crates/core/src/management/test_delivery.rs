//! Sends a sample event to one configuration and waits for what happens.

use std::time::Duration;

use callbacks_interfaces::callback_configuration::{CallbackConfiguration, CallbackStatus};
use callbacks_interfaces::callback_execution::CallbackExecution;
use callbacks_interfaces::event_submission::EventSubmission;
use callbacks_interfaces::ids::{ConfigurationId, EventRowId};
use callbacks_interfaces::tenant::TenantScope;
use callbacks_models::callback_executions as stored;
use serde_json::json;
use tokio::time::Instant;

use super::Management;
use super::callback_configurations;
use super::error::ManagementError;
use super::events::intake_error;

/// Type of the sample event.
pub const EVENT_TYPE: &str = "callbacks.test";
/// How long the first attempt is waited for.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often the executions are looked at: first soon, then less often.
const LOOK_FIRST: Duration = Duration::from_millis(10);
const LOOK_LATER: Duration = Duration::from_millis(200);

/// Sends a sample event through all gates, and answers with the execution of its first attempt.
pub async fn send(
    desk: &Management,
    scope: &TenantScope,
    id: ConfigurationId,
) -> Result<CallbackExecution, ManagementError> {
    let configuration = callback_configurations::get(desk, scope, id).await?;
    if configuration.status != CallbackStatus::Active || !configuration.active {
        let message = "The configuration is not active; resume it before it is tested".to_owned();
        return Err(ManagementError::Conflict(message));
    }
    desk.announce().await;
    let accepted = desk.engine.accept_for(&configuration.tenant_id, id, sample(&configuration)?).await;
    let event = accepted.map_err(|error| intake_error(&error))?.event_id;
    let row: EventRowId = event.parse().map_err(|_| ManagementError::Internal)?;
    first_execution(desk, scope, row, id).await
}

fn sample(configuration: &CallbackConfiguration) -> Result<EventSubmission, ManagementError> {
    let body = json!({
        "type": EVENT_TYPE,
        "source": "callbacks",
        "payload": {
            "eventType": EVENT_TYPE,
            "message": "A test of this callback configuration. Nothing has happened.",
            "configurationId": configuration.id,
            "configurationName": configuration.name,
        },
    });
    EventSubmission::parse(body.to_string().as_bytes()).map_err(ManagementError::from)
}

async fn first_execution(
    desk: &Management,
    scope: &TenantScope,
    event: EventRowId,
    configuration: ConfigurationId,
) -> Result<CallbackExecution, ManagementError> {
    let deadline = Instant::now() + PATIENCE;
    let mut pause = LOOK_FIRST;
    while Instant::now() < deadline {
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LOOK_LATER);
        let found = stored::of_delivery(&desk.store, scope, event, configuration).await?;
        if let Some(first) = found.into_iter().next() {
            return Ok(first);
        }
    }
    let message = format!(
        "The test event {event} was accepted but not attempted within {} s: the endpoint is held (circuit breaker, \
         Retry-After or rate); see GET /api/v1/events/{event}",
        PATIENCE.as_secs()
    );
    Err(ManagementError::Conflict(message))
}
