//! `/api/v1/event-types`: the catalogue. Paths name an entry by its name or its id.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use callbacks_core::management::event_types::{self as types, Named};
use callbacks_interfaces::event_type_entry::{EnforcementView, EventTypeEntry};
use callbacks_interfaces::page::Page;
use callbacks_interfaces::tenant::TenantId;
use http::{HeaderValue, StatusCode, header};

use crate::extract::caller::Caller;
use crate::extract::desk::Desk;
use crate::extract::json_object::JsonObject;
use crate::extract::path_id::PathText;
use crate::extract::query_parameters::QueryParameters;
use crate::handlers::answer::created;
use crate::problem_response::ApiError;
use crate::serving::schemas::{EnforcementBody, EventTypeBody, FilterBody};
use crate::state::AppState;

const TAG: &str = "Event Types";

/// Create event type
#[utoipa::path(post, path = "/api/v1/event-types", tag = TAG, operation_id = "createEventType",
    request_body = EventTypeBody,
    responses((status = 201, description = "Created", body = EventTypeEntry),
        (status = 409, description = "The tenant has an event type of this name already, or its catalogue is full")))]
pub(crate) async fn create(Desk(desk): Desk, caller: Caller, body: JsonObject) -> Result<Response, ApiError> {
    let view = types::create(&desk, &caller.scope, &body.0).await?;
    Ok(created(&format!("/api/v1/event-types/{}", view.id), view))
}

/// List event types
#[utoipa::path(get, path = "/api/v1/event-types", tag = TAG, operation_id = "listEventTypes",
    params(("page" = Option<i32>, Query), ("size" = Option<i32>, Query), ("sort" = Option<Vec<String>>, Query), ("search" = Option<String>, Query)),
    responses((status = 200, description = "One page", body = Page<EventTypeEntry>)))]
pub(crate) async fn list(
    State(app): State<AppState>,
    caller: Caller,
    query: QueryParameters,
) -> Result<Json<Page<EventTypeEntry>>, ApiError> {
    Ok(Json(types::filter(&app.management, &caller.scope, &query.as_filter(&[])).await?))
}

/// Filter event types
#[utoipa::path(post, path = "/api/v1/event-types/filter", tag = TAG, operation_id = "filterEventTypes",
    request_body = FilterBody,
    responses((status = 200, description = "One page of those that match", body = Page<EventTypeEntry>)))]
pub(crate) async fn filter(
    State(app): State<AppState>,
    caller: Caller,
    body: JsonObject,
) -> Result<Json<Page<EventTypeEntry>>, ApiError> {
    Ok(Json(types::filter(&app.management, &caller.scope, &body.0).await?))
}

/// Get what is enforced
///
/// Whether events that are not as the catalogue says are accepted.
#[utoipa::path(get, path = "/api/v1/event-types/enforcement", tag = TAG, operation_id = "getEventTypeEnforcement",
    params(("tenantId" = Option<String>, Query)),
    responses((status = 200, description = "The tenant's choice, and what is in force", body = EnforcementView)))]
pub(crate) async fn enforcement(
    State(app): State<AppState>,
    caller: Caller,
    query: QueryParameters,
) -> Result<Json<EnforcementView>, ApiError> {
    let tenant = tenant(&query)?;
    Ok(Json(types::enforcement(&app.management, &caller.scope, tenant.as_ref()).await?))
}

/// Choose what is enforced
///
/// `off` checks nothing, `warn` counts and accepts, `reject` refuses (and quarantines what comes from a broker).
#[utoipa::path(put, path = "/api/v1/event-types/enforcement", tag = TAG, operation_id = "setEventTypeEnforcement",
    request_body = EnforcementBody,
    responses((status = 200, description = "The tenant's choice, and what is in force", body = EnforcementView)))]
pub(crate) async fn set_enforcement(
    Desk(desk): Desk,
    caller: Caller,
    body: JsonObject,
) -> Result<Json<EnforcementView>, ApiError> {
    Ok(Json(types::set_enforcement(&desk, &caller.scope, &body.0).await?))
}

/// Get event type
#[utoipa::path(get, path = "/api/v1/event-types/{name}", tag = TAG, operation_id = "getEventType",
    params(("name" = String, Path), ("tenantId" = Option<String>, Query)),
    responses((status = 200, description = "The event type", body = EventTypeEntry)))]
pub(crate) async fn get(
    State(app): State<AppState>,
    caller: Caller,
    PathText(name): PathText,
    query: QueryParameters,
) -> Result<Json<EventTypeEntry>, ApiError> {
    let tenant = tenant(&query)?;
    let named = Named { name: &name, tenant: tenant.as_ref() };
    Ok(Json(types::get(&app.management, &caller.scope, named).await?))
}

/// Update event type
///
/// What is absent is cleared, except the name.
#[utoipa::path(put, path = "/api/v1/event-types/{name}", tag = TAG, operation_id = "updateEventType",
    params(("name" = String, Path), ("tenantId" = Option<String>, Query)), request_body = EventTypeBody,
    responses((status = 200, description = "Updated", body = EventTypeEntry),
        (status = 409, description = "The tenant has an event type of this name already, or its catalogue is full")))]
pub(crate) async fn replace(
    Desk(desk): Desk,
    caller: Caller,
    PathText(name): PathText,
    query: QueryParameters,
    body: JsonObject,
) -> Result<Json<EventTypeEntry>, ApiError> {
    let tenant = tenant(&query)?;
    let named = Named { name: &name, tenant: tenant.as_ref() };
    Ok(Json(types::replace(&desk, &caller.scope, named, &body.0).await?))
}

/// Change parts of an event type
///
/// What is absent stays; `null` clears.
#[utoipa::path(patch, path = "/api/v1/event-types/{name}", tag = TAG, operation_id = "patchEventType",
    params(("name" = String, Path), ("tenantId" = Option<String>, Query)), request_body = EventTypeBody,
    responses((status = 200, description = "Changed", body = EventTypeEntry),
        (status = 409, description = "The tenant has an event type of this name already, or its catalogue is full")))]
pub(crate) async fn patch(
    Desk(desk): Desk,
    caller: Caller,
    PathText(name): PathText,
    query: QueryParameters,
    body: JsonObject,
) -> Result<Json<EventTypeEntry>, ApiError> {
    let tenant = tenant(&query)?;
    let named = Named { name: &name, tenant: tenant.as_ref() };
    Ok(Json(types::patch(&desk, &caller.scope, named, &body.0).await?))
}

/// Delete event type
#[utoipa::path(delete, path = "/api/v1/event-types/{name}", tag = TAG, operation_id = "deleteEventType",
    params(("name" = String, Path), ("tenantId" = Option<String>, Query)),
    responses((status = 204, description = "Deleted")))]
pub(crate) async fn delete(
    Desk(desk): Desk,
    caller: Caller,
    PathText(name): PathText,
    query: QueryParameters,
) -> Result<StatusCode, ApiError> {
    let tenant = tenant(&query)?;
    let named = Named { name: &name, tenant: tenant.as_ref() };
    types::delete(&desk, &caller.scope, named).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Get the JSON Schema of an event type
#[utoipa::path(get, path = "/api/v1/event-types/{name}/schema", tag = TAG, operation_id = "getEventTypeSchema",
    params(("name" = String, Path), ("tenantId" = Option<String>, Query)),
    responses((status = 200, description = "The schema alone", content_type = "application/schema+json", body = serde_json::Value)))]
pub(crate) async fn schema(
    State(app): State<AppState>,
    caller: Caller,
    PathText(name): PathText,
    query: QueryParameters,
) -> Result<Response, ApiError> {
    let tenant = tenant(&query)?;
    let named = Named { name: &name, tenant: tenant.as_ref() };
    let schema = types::schema(&app.management, &caller.scope, named).await?;
    let mut response = Json(schema).into_response();
    let media = HeaderValue::from_static("application/schema+json");
    response.headers_mut().insert(header::CONTENT_TYPE, media);
    Ok(response)
}

fn tenant(query: &QueryParameters) -> Result<Option<TenantId>, ApiError> {
    query.parsed("tenantId", "a tenant id of 1 to 100 characters")
}
