//! `/api/v1/deliveries`: what is under way or waiting.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use callbacks_core::management::deliveries;
use callbacks_interfaces::delivery::DeliveryView;
use callbacks_interfaces::ids::{ConfigurationId, DeliveryId};
use http::{StatusCode, Uri};

use crate::extract::caller::Caller;
use crate::extract::desk::Desk;
use crate::extract::path_id::PathId;
use crate::extract::query_parameters::QueryParameters;
use crate::handlers::answer::linked;
use crate::handlers::listing::{next_link, position};
use crate::problem_response::ApiError;
use crate::state::AppState;

const TAG: &str = "Deliveries";
type Id = PathId<DeliveryId>;

/// List deliveries that wait
///
/// Retries, held ones and those that found no room in memory, newest event first.
#[utoipa::path(get, path = "/api/v1/deliveries", tag = TAG, operation_id = "listDeliveries",
    params(("configurationId" = Option<ConfigurationId>, Query), ("cursor" = Option<String>, Query), ("limit" = Option<i32>, Query)),
    responses((status = 200, description = "Deliveries", body = Vec<DeliveryView>)))]
pub(crate) async fn list(
    State(app): State<AppState>,
    caller: Caller,
    uri: Uri,
    query: QueryParameters,
) -> Result<Response, ApiError> {
    let position = position(&query, deliveries::MAX_ROWS)?;
    let configuration = query.parsed("configurationId", "a valid identifier (UUID)")?;
    let page = deliveries::list(&app.management, &caller.scope, configuration, position).await?;
    let next = page.next.map(|cursor| next_link(&uri, &cursor.to_string()));
    Ok(linked(&page.rows, next.as_deref()))
}

/// Get delivery
#[utoipa::path(get, path = "/api/v1/deliveries/{id}", tag = TAG, operation_id = "getDelivery",
    params(("id" = String, Path)),
    responses((status = 200, description = "The delivery", body = DeliveryView)))]
pub(crate) async fn get(
    State(app): State<AppState>,
    caller: Caller,
    PathId(id): Id,
) -> Result<Json<DeliveryView>, ApiError> {
    Ok(Json(deliveries::get(&app.management, &caller.scope, id).await?))
}

/// Retry now
///
/// Instead of at its due time.
#[utoipa::path(post, path = "/api/v1/deliveries/{id}/retry", tag = TAG, operation_id = "retryDelivery",
    params(("id" = String, Path)),
    responses((status = 202, description = "Due now", body = DeliveryView), (status = 409, description = "It is not waiting")))]
pub(crate) async fn retry(
    Desk(desk): Desk,
    caller: Caller,
    PathId(id): Id,
) -> Result<(StatusCode, Json<DeliveryView>), ApiError> {
    Ok((StatusCode::ACCEPTED, Json(deliveries::retry(&desk, &caller.scope, id).await?)))
}

/// Cancel
///
/// It is not attempted again.
#[utoipa::path(post, path = "/api/v1/deliveries/{id}/cancel", tag = TAG, operation_id = "cancelDelivery",
    params(("id" = String, Path)),
    responses((status = 204, description = "Cancelled"), (status = 409, description = "It is not waiting")))]
pub(crate) async fn cancel(Desk(desk): Desk, caller: Caller, PathId(id): Id) -> Result<StatusCode, ApiError> {
    deliveries::cancel(&desk, &caller.scope, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
