//! `/api/v1/callback-executions`: what happened, attempt by attempt.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use callbacks_core::management::callback_executions::{self as executions, ExecutionSelection};
use callbacks_interfaces::callback_execution::{CallbackExecution, ExecutionStatus};
use callbacks_interfaces::ids::{ConfigurationId, ExecutionId};
use callbacks_interfaces::page::Page;
use http::{StatusCode, Uri};

use crate::extract::caller::Caller;
use crate::extract::desk::Desk;
use crate::extract::json_object::JsonObject;
use crate::extract::path_id::PathId;
use crate::extract::query_parameters::QueryParameters;
use crate::handlers::answer::linked;
use crate::handlers::listing::{next_link, position};
use crate::problem_response::ApiError;
use crate::serving::schemas::FilterBody;
use crate::state::AppState;

const TAG: &str = "Callback Executions";
/// What `recent` looks back when the caller does not say.
const RECENT: &str = "PT24H";

/// List all executions
///
/// Newest first, at most 1,000; `Link: rel="next"` leads on.
#[utoipa::path(get, path = "/api/v1/callback-executions", tag = TAG, operation_id = "findAll",
    params(("cursor" = Option<String>, Query), ("limit" = Option<i32>, Query)),
    responses((status = 200, description = "OK", body = Vec<CallbackExecution>)))]
pub(crate) async fn list(
    State(app): State<AppState>,
    caller: Caller,
    uri: Uri,
    query: QueryParameters,
) -> Result<Response, ApiError> {
    answer(&app, &caller, &uri, &query, ExecutionSelection::All).await
}

/// List by configuration
#[utoipa::path(get, path = "/api/v1/callback-executions/by-configuration/{configurationId}", tag = TAG, operation_id = "findByConfiguration",
    params(("configurationId" = ConfigurationId, Path), ("cursor" = Option<String>, Query), ("limit" = Option<i32>, Query)),
    responses((status = 200, description = "OK", body = Vec<CallbackExecution>)))]
pub(crate) async fn by_configuration(
    State(app): State<AppState>,
    caller: Caller,
    PathId(configuration): PathId<ConfigurationId>,
    uri: Uri,
    query: QueryParameters,
) -> Result<Response, ApiError> {
    answer(&app, &caller, &uri, &query, ExecutionSelection::OfConfiguration(configuration)).await
}

/// List by status
#[utoipa::path(get, path = "/api/v1/callback-executions/by-status", tag = TAG, operation_id = "findByStatus",
    params(("status" = ExecutionStatus, Query), ("cursor" = Option<String>, Query), ("limit" = Option<i32>, Query)),
    responses((status = 200, description = "OK", body = Vec<CallbackExecution>)))]
pub(crate) async fn by_status(
    State(app): State<AppState>,
    caller: Caller,
    uri: Uri,
    query: QueryParameters,
) -> Result<Response, ApiError> {
    let text = query.required("status")?;
    let status = serde_json::from_value::<ExecutionStatus>(text.into()).map_err(|_| {
        let message =
            "status must be one of PENDING, IN_PROGRESS, SUCCESS, FAILED_RETRYING, FAILED_PERMANENT, SKIPPED";
        ApiError::parameter("status", "Enum", message, Some(text))
    })?;
    answer(&app, &caller, &uri, &query, ExecutionSelection::WithStatus(status)).await
}

/// List pending retries
#[utoipa::path(get, path = "/api/v1/callback-executions/pending-retries", tag = TAG, operation_id = "findPendingRetries",
    params(("cursor" = Option<String>, Query), ("limit" = Option<i32>, Query)),
    responses((status = 200, description = "OK", body = Vec<CallbackExecution>)))]
pub(crate) async fn pending_retries(
    State(app): State<AppState>,
    caller: Caller,
    uri: Uri,
    query: QueryParameters,
) -> Result<Response, ApiError> {
    answer(&app, &caller, &uri, &query, ExecutionSelection::PendingRetries).await
}

/// List recent executions
#[utoipa::path(get, path = "/api/v1/callback-executions/recent", tag = TAG, operation_id = "findRecent",
    params(("configurationId" = ConfigurationId, Query), ("duration" = Option<String>, Query, description = "ISO-8601 duration, PT24H if absent"),
        ("cursor" = Option<String>, Query), ("limit" = Option<i32>, Query)),
    responses((status = 200, description = "OK", body = Vec<CallbackExecution>)))]
pub(crate) async fn recent(
    State(app): State<AppState>,
    caller: Caller,
    uri: Uri,
    query: QueryParameters,
) -> Result<Response, ApiError> {
    query.required("configurationId")?;
    let expected = "a valid identifier (UUID)";
    let configuration = query.parsed("configurationId", expected)?.ok_or(ApiError::Internal)?;
    let duration = query.get("duration").unwrap_or(RECENT);
    let selection = executions::recent(configuration, duration)?;
    answer(&app, &caller, &uri, &query, selection).await
}

/// Get execution by ID
#[utoipa::path(get, path = "/api/v1/callback-executions/{id}", tag = TAG, operation_id = "findById_1",
    params(("id" = ExecutionId, Path)),
    responses((status = 200, description = "OK", body = CallbackExecution)))]
pub(crate) async fn get(
    State(app): State<AppState>,
    caller: Caller,
    PathId(id): PathId<ExecutionId>,
) -> Result<Json<CallbackExecution>, ApiError> {
    Ok(Json(executions::get(&app.management, &caller.scope, id).await?))
}

/// Filter callback executions
#[utoipa::path(post, path = "/api/v1/callback-executions/filter", tag = TAG, operation_id = "filterExecutions",
    request_body = FilterBody,
    responses((status = 200, description = "Successfully retrieved filtered executions", body = Page<CallbackExecution>)))]
pub(crate) async fn filter(
    State(app): State<AppState>,
    caller: Caller,
    body: JsonObject,
) -> Result<Json<Page<CallbackExecution>>, ApiError> {
    Ok(Json(executions::filter(&app.management, &caller.scope, &body.0).await?))
}

/// Deliver again
///
/// The event of this execution is put in the queue for the same configuration, with a fresh set of attempts.
#[utoipa::path(post, path = "/api/v1/callback-executions/{id}/replay", tag = TAG, operation_id = "replayExecution",
    params(("id" = ExecutionId, Path)),
    responses((status = 202, description = "Queued", body = Value)))]
pub(crate) async fn replay(
    Desk(desk): Desk,
    caller: Caller,
    PathId(id): PathId<ExecutionId>,
) -> Result<Response, ApiError> {
    let replayed = executions::replay(&desk, &caller.scope, id).await?;
    Ok((StatusCode::ACCEPTED, Json(replayed)).into_response())
}

async fn answer(
    app: &AppState,
    caller: &Caller,
    uri: &Uri,
    query: &QueryParameters,
    selection: ExecutionSelection,
) -> Result<Response, ApiError> {
    let position = position(query, executions::MAX_ROWS)?;
    let page = executions::newest(&app.management, &caller.scope, &selection, position).await?;
    let next = page.next.map(|cursor| next_link(uri, &cursor.to_string()));
    Ok(linked(&page.rows, next.as_deref()))
}
