//! `/api/v1/callback-configurations/{id}/replays`.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use callbacks_core::management::replays::{self, Asked};
use callbacks_interfaces::ids::{ConfigurationId, ReplayId};
use callbacks_interfaces::replay::{Replay, ReplayEstimate};
use http::{HeaderValue, StatusCode, header};

use crate::extract::caller::Caller;
use crate::extract::desk::Desk;
use crate::extract::json_object::JsonObject;
use crate::extract::path_id::{PathId, PathIds};
use crate::problem_response::ApiError;
use crate::serving::schemas::ReplayBody;
use crate::state::AppState;

const TAG: &str = "Callback Configurations";

/// Deliver events of a time range again
///
/// Every delivery of the range, chosen by type and by what it came to, with a fresh set of attempts; the event's id and the
/// delivery's stay. With `dryRun` they are counted and nothing else happens.
#[utoipa::path(post, path = "/api/v1/callback-configurations/{id}/replays", tag = TAG, operation_id = "startReplay",
    params(("id" = ConfigurationId, Path)), request_body = ReplayBody,
    responses((status = 202, description = "It runs", body = Replay),
        (status = 200, description = "A dry run: how many deliveries it would be", body = ReplayEstimate),
        (status = 409, description = "Ten replays of the configuration are running")))]
pub(crate) async fn start(
    Desk(desk): Desk,
    caller: Caller,
    PathId(id): PathId<ConfigurationId>,
    body: JsonObject,
) -> Result<Response, ApiError> {
    let replay = match replays::create(&desk, &caller.scope, id, &body.0).await? {
        Asked::Estimated(estimate) => return Ok(Json(estimate).into_response()),
        Asked::Started(replay) => replay,
    };
    let location = format!("/api/v1/callback-configurations/{id}/replays/{}", replay.id);
    let mut response = (StatusCode::ACCEPTED, Json(replay)).into_response();
    if let Ok(value) = HeaderValue::from_str(&location) {
        response.headers_mut().insert(header::LOCATION, value);
    }
    Ok(response)
}

/// List replays
///
/// The newest 100 of the configuration.
#[utoipa::path(get, path = "/api/v1/callback-configurations/{id}/replays", tag = TAG, operation_id = "listReplays",
    params(("id" = ConfigurationId, Path)),
    responses((status = 200, description = "Replays, newest first", body = Vec<Replay>)))]
pub(crate) async fn list(
    State(app): State<AppState>,
    caller: Caller,
    PathId(id): PathId<ConfigurationId>,
) -> Result<Json<Vec<Replay>>, ApiError> {
    Ok(Json(replays::list(&app.management, &caller.scope, id).await?))
}

/// Get replay
#[utoipa::path(get, path = "/api/v1/callback-configurations/{id}/replays/{replayId}", tag = TAG, operation_id = "getReplay",
    params(("id" = ConfigurationId, Path), ("replayId" = ReplayId, Path)),
    responses((status = 200, description = "How far it is", body = Replay)))]
pub(crate) async fn get(
    State(app): State<AppState>,
    caller: Caller,
    PathIds(id, replay): PathIds<ConfigurationId, ReplayId>,
) -> Result<Json<Replay>, ApiError> {
    Ok(Json(replays::get(&app.management, &caller.scope, id, replay).await?))
}

/// Cancel replay
///
/// What it has queued is delivered.
#[utoipa::path(post, path = "/api/v1/callback-configurations/{id}/replays/{replayId}/cancel", tag = TAG,
    operation_id = "cancelReplay", params(("id" = ConfigurationId, Path), ("replayId" = ReplayId, Path)),
    responses((status = 200, description = "It is stopped", body = Replay), (status = 409, description = "It is not running")))]
pub(crate) async fn cancel(
    Desk(desk): Desk,
    caller: Caller,
    PathIds(id, replay): PathIds<ConfigurationId, ReplayId>,
) -> Result<Json<Replay>, ApiError> {
    Ok(Json(replays::cancel(&desk, &caller.scope, id, replay).await?))
}
