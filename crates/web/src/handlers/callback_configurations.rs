//! `/api/v1/callback-configurations`.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use callbacks_core::management::callback_configurations as configurations;
use callbacks_core::management::configuration_statistics::{self, ConfigurationStatistics};
use callbacks_core::management::secret_rotation::{self, Rotated};
use callbacks_core::management::test_delivery;
use callbacks_interfaces::callback_configuration::CallbackConfiguration;
use callbacks_interfaces::callback_execution::CallbackExecution;
use callbacks_interfaces::ids::ConfigurationId;
use callbacks_interfaces::page::Page;
use http::StatusCode;
use serde_json::json;

use crate::extract::caller::Caller;
use crate::extract::desk::Desk;
use crate::extract::json_object::{JsonObject, OptionalJsonObject};
use crate::extract::path_id::PathId;
use crate::extract::query_parameters::QueryParameters;
use crate::handlers::answer::created;
use crate::middleware::idempotency::KeptBody;
use crate::problem_response::ApiError;
use crate::serving::schemas::{CallbackConfigurationBody, FilterBody, SecretRotationBody};
use crate::state::AppState;

const TAG: &str = "Callback Configurations";
type Id = PathId<ConfigurationId>;

/// Create callback configuration
#[utoipa::path(post, path = "/api/v1/callback-configurations", tag = TAG, operation_id = "create_1",
    request_body = CallbackConfigurationBody,
    responses((status = 201, description = "Configuration created successfully", body = CallbackConfiguration)))]
pub(crate) async fn create(Desk(desk): Desk, caller: Caller, body: JsonObject) -> Result<Response, ApiError> {
    let view = configurations::create(&desk, &caller.scope, &body.0).await?;
    Ok(created(&format!("/api/v1/callback-configurations/{}", view.id), view))
}

/// List callback configurations
#[utoipa::path(get, path = "/api/v1/callback-configurations", tag = TAG, operation_id = "listConfigurations",
    params(("page" = Option<i32>, Query), ("size" = Option<i32>, Query), ("sort" = Option<Vec<String>>, Query), ("search" = Option<String>, Query)),
    responses((status = 200, description = "One page", body = Page<CallbackConfiguration>)))]
pub(crate) async fn list(
    State(app): State<AppState>,
    caller: Caller,
    query: QueryParameters,
) -> Result<Json<Page<CallbackConfiguration>>, ApiError> {
    Ok(Json(configurations::filter(&app.management, &caller.scope, &query.as_filter(&[])).await?))
}

/// Filter callback configurations
#[utoipa::path(post, path = "/api/v1/callback-configurations/filter", tag = TAG, operation_id = "filterConfigurations",
    request_body = FilterBody,
    responses((status = 200, description = "Successfully retrieved filtered configurations", body = Page<CallbackConfiguration>)))]
pub(crate) async fn filter(
    State(app): State<AppState>,
    caller: Caller,
    body: JsonObject,
) -> Result<Json<Page<CallbackConfiguration>>, ApiError> {
    Ok(Json(configurations::filter(&app.management, &caller.scope, &body.0).await?))
}

/// Get configuration by ID
#[utoipa::path(get, path = "/api/v1/callback-configurations/{id}", tag = TAG, operation_id = "findById_2",
    params(("id" = ConfigurationId, Path)),
    responses((status = 200, description = "Configuration found", body = CallbackConfiguration)))]
pub(crate) async fn get(
    State(app): State<AppState>,
    caller: Caller,
    PathId(id): Id,
) -> Result<Json<CallbackConfiguration>, ApiError> {
    Ok(Json(configurations::get(&app.management, &caller.scope, id).await?))
}

/// Update configuration
///
/// Without `secret` the stored one stays.
#[utoipa::path(put, path = "/api/v1/callback-configurations/{id}", tag = TAG, operation_id = "update_1",
    params(("id" = ConfigurationId, Path)), request_body = CallbackConfigurationBody,
    responses((status = 200, description = "Configuration updated successfully", body = CallbackConfiguration)))]
pub(crate) async fn replace(
    Desk(desk): Desk,
    caller: Caller,
    PathId(id): Id,
    body: JsonObject,
) -> Result<Json<CallbackConfiguration>, ApiError> {
    Ok(Json(configurations::replace(&desk, &caller.scope, id, &body.0).await?))
}

/// Change parts of a configuration
///
/// What is absent stays; `null` clears.
#[utoipa::path(patch, path = "/api/v1/callback-configurations/{id}", tag = TAG, operation_id = "patchConfiguration",
    params(("id" = ConfigurationId, Path)), request_body = CallbackConfigurationBody,
    responses((status = 200, description = "Configuration changed", body = CallbackConfiguration)))]
pub(crate) async fn patch(
    Desk(desk): Desk,
    caller: Caller,
    PathId(id): Id,
    body: JsonObject,
) -> Result<Json<CallbackConfiguration>, ApiError> {
    Ok(Json(configurations::patch(&desk, &caller.scope, id, &body.0).await?))
}

/// Delete configuration
#[utoipa::path(delete, path = "/api/v1/callback-configurations/{id}", tag = TAG, operation_id = "delete_1",
    params(("id" = ConfigurationId, Path)),
    responses((status = 204, description = "Configuration deleted successfully")))]
pub(crate) async fn delete(Desk(desk): Desk, caller: Caller, PathId(id): Id) -> Result<StatusCode, ApiError> {
    configurations::delete(&desk, &caller.scope, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Rotate the signing secret
///
/// The new secret is shown in this answer and never again; the previous one signs beside it for 24 hours.
#[utoipa::path(post, path = "/api/v1/callback-configurations/{id}/secret", tag = TAG, operation_id = "rotateSecret",
    params(("id" = ConfigurationId, Path)), request_body = Option<SecretRotationBody>,
    responses((status = 200, description = "The new secret, shown once", body = Value)))]
pub(crate) async fn rotate_secret(
    Desk(desk): Desk,
    caller: Caller,
    PathId(id): Id,
    body: OptionalJsonObject,
) -> Result<Response, ApiError> {
    let rotated = secret_rotation::rotate(&desk, &caller.scope, id, &body.0).await?;
    Ok(shown_once(&rotated))
}

/// Pause
///
/// Deliveries are kept until it is resumed, or skipped if the configuration says so.
#[utoipa::path(post, path = "/api/v1/callback-configurations/{id}/pause", tag = TAG, operation_id = "pauseConfiguration",
    params(("id" = ConfigurationId, Path)),
    responses((status = 200, description = "Paused", body = CallbackConfiguration)))]
pub(crate) async fn pause(
    Desk(desk): Desk,
    caller: Caller,
    PathId(id): Id,
) -> Result<Json<CallbackConfiguration>, ApiError> {
    Ok(Json(configurations::pause(&desk, &caller.scope, id).await?))
}

/// Resume
///
/// Makes a paused, disabled or failed configuration ACTIVE and forgets its failures.
#[utoipa::path(post, path = "/api/v1/callback-configurations/{id}/resume", tag = TAG, operation_id = "resumeConfiguration",
    params(("id" = ConfigurationId, Path)),
    responses((status = 200, description = "Active again", body = CallbackConfiguration)))]
pub(crate) async fn resume(
    Desk(desk): Desk,
    caller: Caller,
    PathId(id): Id,
) -> Result<Json<CallbackConfiguration>, ApiError> {
    Ok(Json(configurations::resume(&desk, &caller.scope, id).await?))
}

/// Send a sample event now
///
/// One attempt, through all gates, whatever the configuration's state; the answer is what happened.
#[utoipa::path(post, path = "/api/v1/callback-configurations/{id}/test", tag = TAG, operation_id = "testConfiguration",
    params(("id" = ConfigurationId, Path)),
    responses((status = 200, description = "The execution", body = CallbackExecution)))]
pub(crate) async fn test(
    State(app): State<AppState>,
    caller: Caller,
    PathId(id): Id,
) -> Result<Json<CallbackExecution>, ApiError> {
    Ok(Json(test_delivery::send(&app.management, &caller.scope, id).await?))
}

/// Statistics
#[utoipa::path(get, path = "/api/v1/callback-configurations/{id}/stats", tag = TAG, operation_id = "configurationStats",
    params(("id" = ConfigurationId, Path)),
    responses((status = 200, description = "Counts and current state", body = Value)))]
pub(crate) async fn statistics(
    State(app): State<AppState>,
    caller: Caller,
    PathId(id): Id,
) -> Result<Json<ConfigurationStatistics>, ApiError> {
    Ok(Json(configuration_statistics::of(&app.management, &caller.scope, id).await?))
}

/// The answer with the secret, and beside it the one without, for whoever repeats the request with the same key.
fn shown_once(rotated: &Rotated) -> Response {
    let expires = rotated.previous_expires_at.and_then(callbacks_interfaces::instant::to_text);
    let body = |secret: Option<&str>| json!({"id": rotated.id, "secret": secret, "secretConfigured": true, "previousSecretExpiresAt": expires});
    let kept = KeptBody(Bytes::from(body(None).to_string()));
    let mut response = Json(body(Some(rotated.secret.expose()))).into_response();
    response.extensions_mut().insert(kept);
    response
}
