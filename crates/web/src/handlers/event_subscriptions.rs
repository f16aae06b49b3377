//! `/api/v1/event-subscriptions`.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use callbacks_core::management::event_subscriptions::{self as subscriptions, SubscriptionStatus};
use callbacks_interfaces::event_subscription::EventSubscription;
use callbacks_interfaces::ids::SubscriptionId;
use callbacks_interfaces::page::Page;
use http::StatusCode;

use crate::extract::caller::Caller;
use crate::extract::desk::Desk;
use crate::extract::json_object::JsonObject;
use crate::extract::path_id::PathId;
use crate::extract::query_parameters::QueryParameters;
use crate::handlers::answer::created;
use crate::problem_response::ApiError;
use crate::serving::schemas::{EventSubscriptionBody, FilterBody};
use crate::state::AppState;

const TAG: &str = "Event Subscriptions";
type Id = PathId<SubscriptionId>;

/// Create event subscription
#[utoipa::path(post, path = "/api/v1/event-subscriptions", tag = TAG, operation_id = "create",
    request_body = EventSubscriptionBody,
    responses((status = 201, description = "Subscription created successfully", body = EventSubscription)))]
pub(crate) async fn create(Desk(desk): Desk, caller: Caller, body: JsonObject) -> Result<Response, ApiError> {
    let view = subscriptions::create(&desk, &caller.scope, &body.0).await?;
    Ok(created(&format!("/api/v1/event-subscriptions/{}", view.id), view))
}

/// List event subscriptions
#[utoipa::path(get, path = "/api/v1/event-subscriptions", tag = TAG, operation_id = "listSubscriptions",
    params(("page" = Option<i32>, Query), ("size" = Option<i32>, Query), ("sort" = Option<Vec<String>>, Query), ("search" = Option<String>, Query)),
    responses((status = 200, description = "One page", body = Page<EventSubscription>)))]
pub(crate) async fn list(
    State(app): State<AppState>,
    caller: Caller,
    query: QueryParameters,
) -> Result<Json<Page<EventSubscription>>, ApiError> {
    Ok(Json(subscriptions::filter(&app.management, &caller.scope, &query.as_filter(&[])).await?))
}

/// Filter event subscriptions
#[utoipa::path(post, path = "/api/v1/event-subscriptions/filter", tag = TAG, operation_id = "filterSubscriptions",
    request_body = FilterBody,
    responses((status = 200, description = "Successfully retrieved filtered subscriptions", body = Page<EventSubscription>)))]
pub(crate) async fn filter(
    State(app): State<AppState>,
    caller: Caller,
    body: JsonObject,
) -> Result<Json<Page<EventSubscription>>, ApiError> {
    Ok(Json(subscriptions::filter(&app.management, &caller.scope, &body.0).await?))
}

/// Get subscription by ID
#[utoipa::path(get, path = "/api/v1/event-subscriptions/{id}", tag = TAG, operation_id = "findById",
    params(("id" = SubscriptionId, Path)),
    responses((status = 200, description = "Subscription found", body = EventSubscription)))]
pub(crate) async fn get(
    State(app): State<AppState>,
    caller: Caller,
    PathId(id): Id,
) -> Result<Json<EventSubscription>, ApiError> {
    Ok(Json(subscriptions::get(&app.management, &caller.scope, id).await?))
}

/// Update subscription
#[utoipa::path(put, path = "/api/v1/event-subscriptions/{id}", tag = TAG, operation_id = "update",
    params(("id" = SubscriptionId, Path)), request_body = EventSubscriptionBody,
    responses((status = 200, description = "Subscription updated successfully", body = EventSubscription)))]
pub(crate) async fn replace(
    Desk(desk): Desk,
    caller: Caller,
    PathId(id): Id,
    body: JsonObject,
) -> Result<Json<EventSubscription>, ApiError> {
    Ok(Json(subscriptions::replace(&desk, &caller.scope, id, &body.0).await?))
}

/// Change parts of a subscription
///
/// What is absent stays; `null` clears.
#[utoipa::path(patch, path = "/api/v1/event-subscriptions/{id}", tag = TAG, operation_id = "patchSubscription",
    params(("id" = SubscriptionId, Path)), request_body = EventSubscriptionBody,
    responses((status = 200, description = "Subscription changed", body = EventSubscription)))]
pub(crate) async fn patch(
    Desk(desk): Desk,
    caller: Caller,
    PathId(id): Id,
    body: JsonObject,
) -> Result<Json<EventSubscription>, ApiError> {
    Ok(Json(subscriptions::patch(&desk, &caller.scope, id, &body.0).await?))
}

/// Delete subscription
#[utoipa::path(delete, path = "/api/v1/event-subscriptions/{id}", tag = TAG, operation_id = "delete",
    params(("id" = SubscriptionId, Path)),
    responses((status = 204, description = "Subscription deleted successfully")))]
pub(crate) async fn delete(Desk(desk): Desk, caller: Caller, PathId(id): Id) -> Result<StatusCode, ApiError> {
    subscriptions::delete(&desk, &caller.scope, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Let its consumer run
#[utoipa::path(post, path = "/api/v1/event-subscriptions/{id}/activate", tag = TAG, operation_id = "activateSubscription",
    params(("id" = SubscriptionId, Path)),
    responses((status = 200, description = "Active", body = EventSubscription)))]
pub(crate) async fn activate(
    Desk(desk): Desk,
    caller: Caller,
    PathId(id): Id,
) -> Result<Json<EventSubscription>, ApiError> {
    Ok(Json(subscriptions::activate(&desk, &caller.scope, id).await?))
}

/// Stop its consumer
#[utoipa::path(post, path = "/api/v1/event-subscriptions/{id}/deactivate", tag = TAG, operation_id = "deactivateSubscription",
    params(("id" = SubscriptionId, Path)),
    responses((status = 200, description = "Inactive", body = EventSubscription)))]
pub(crate) async fn deactivate(
    Desk(desk): Desk,
    caller: Caller,
    PathId(id): Id,
) -> Result<Json<EventSubscription>, ApiError> {
    Ok(Json(subscriptions::deactivate(&desk, &caller.scope, id).await?))
}

/// How its consumer is doing
#[utoipa::path(get, path = "/api/v1/event-subscriptions/{id}/status", tag = TAG, operation_id = "subscriptionStatus",
    params(("id" = SubscriptionId, Path)),
    responses((status = 200, description = "State of the consumer", body = Value)))]
pub(crate) async fn status(
    State(app): State<AppState>,
    caller: Caller,
    PathId(id): Id,
) -> Result<Json<SubscriptionStatus>, ApiError> {
    Ok(Json(subscriptions::status(&app.management, &caller.scope, id).await?))
}
