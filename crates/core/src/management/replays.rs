//! Replays of many events to one configuration: asked for, estimated, followed, stopped.

use callbacks_interfaces::ids::{ConfigurationId, ReplayId};
use callbacks_interfaces::replay::{Replay, ReplayDraft, ReplayEstimate};
use callbacks_interfaces::tenant::TenantScope;
use callbacks_models::replays as stored;
use serde_json::{Map, Value};

use super::error::ManagementError;
use super::{Management, callback_configurations};

const WHAT: &str = "Replay";
/// Most rows of one answer.
const MAX_ROWS: i64 = 100;

/// What a request for a replay came to.
#[derive(Debug)]
pub enum Asked {
    /// It runs.
    Started(Box<Replay>),
    /// It was a dry run.
    Estimated(ReplayEstimate),
}

/// Starts a replay, or says how much it would be.
pub async fn create(
    desk: &Management,
    scope: &TenantScope,
    configuration: ConfigurationId,
    body: &Map<String, Value>,
) -> Result<Asked, ManagementError> {
    let draft = ReplayDraft::create(body)?;
    let tenant = callback_configurations::get(desk, scope, configuration).await?.tenant_id;
    if draft.dry_run {
        return Ok(Asked::Estimated(stored::estimate(&desk.store, &tenant, configuration, &draft).await?));
    }
    let started = stored::create(&desk.store, &tenant, configuration, &draft).await?.ok_or_else(|| {
        ManagementError::Conflict(format!(
            "{} replays of this configuration are running; wait for one to end, or cancel one",
            stored::RUNNING_MAX
        ))
    })?;
    Ok(Asked::Started(Box::new(started)))
}

/// Reads one.
pub async fn get(
    desk: &Management,
    scope: &TenantScope,
    configuration: ConfigurationId,
    id: ReplayId,
) -> Result<Replay, ManagementError> {
    let found = stored::get(&desk.store, scope, configuration, id).await?;
    found.ok_or_else(|| ManagementError::not_found(WHAT, &id))
}

/// Those of a configuration, newest first.
pub async fn list(
    desk: &Management,
    scope: &TenantScope,
    configuration: ConfigurationId,
) -> Result<Vec<Replay>, ManagementError> {
    callback_configurations::get(desk, scope, configuration).await?;
    Ok(stored::list(&desk.store, scope, configuration, MAX_ROWS).await?)
}

/// Stops one. What it has queued is delivered; to stop that too, pause the configuration or cancel the deliveries.
pub async fn cancel(
    desk: &Management,
    scope: &TenantScope,
    configuration: ConfigurationId,
    id: ReplayId,
) -> Result<Replay, ManagementError> {
    let stopped = stored::cancel(&desk.store, scope, configuration, id).await?;
    let replay = get(desk, scope, configuration, id).await?;
    if stopped {
        return Ok(replay);
    }
    Err(ManagementError::Conflict(format!("The replay is {} already", replay.state)))
}
