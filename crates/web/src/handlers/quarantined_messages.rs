//! `/api/v1/quarantined-messages`: broker messages that were no events.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use callbacks_core::management::quarantine;
use callbacks_interfaces::event::EventAccepted;
use callbacks_interfaces::ids::{QuarantineId, SubscriptionId};
use callbacks_interfaces::quarantined_message::{QuarantineState, QuarantinedMessage};
use http::{StatusCode, Uri};

use crate::extract::caller::Caller;
use crate::extract::desk::Desk;
use crate::extract::json_object::OptionalJsonObject;
use crate::extract::path_id::PathId;
use crate::extract::query_parameters::QueryParameters;
use crate::handlers::answer::linked;
use crate::handlers::listing::{next_link, position};
use crate::problem_response::ApiError;
use crate::serving::schemas::QuarantineReplayBody;
use crate::state::AppState;

const TAG: &str = "Quarantined Messages";
type Id = PathId<QuarantineId>;

/// List quarantined messages
///
/// Newest first, without values, keys and headers.
#[utoipa::path(get, path = "/api/v1/quarantined-messages", tag = TAG, operation_id = "listQuarantinedMessages",
    params(("subscriptionId" = Option<SubscriptionId>, Query), ("state" = Option<QuarantineState>, Query),
        ("cursor" = Option<String>, Query), ("limit" = Option<i32>, Query)),
    responses((status = 200, description = "Messages", body = Vec<QuarantinedMessage>)))]
pub(crate) async fn list(
    State(app): State<AppState>,
    caller: Caller,
    uri: Uri,
    query: QueryParameters,
) -> Result<Response, ApiError> {
    let position = position(&query, quarantine::MAX_ROWS)?;
    let subscription = query.parsed("subscriptionId", "a valid identifier (UUID)")?;
    let state = query.parsed("state", "one of OPEN, REPLAYED, DISCARDED")?;
    let page = quarantine::list(&app.management, &caller.scope, subscription, state, position).await?;
    let next = page.next.map(|cursor| next_link(&uri, &cursor.to_string()));
    Ok(linked(&page.rows, next.as_deref()))
}

/// Inspect a quarantined message
///
/// With its headers, and its value as the broker delivered it.
#[utoipa::path(get, path = "/api/v1/quarantined-messages/{id}", tag = TAG, operation_id = "getQuarantinedMessage",
    params(("id" = QuarantineId, Path)),
    responses((status = 200, description = "The message", body = QuarantinedMessage)))]
pub(crate) async fn get(
    State(app): State<AppState>,
    caller: Caller,
    PathId(id): Id,
) -> Result<Json<QuarantinedMessage>, ApiError> {
    Ok(Json(quarantine::get(&app.management, &caller.scope, id).await?))
}

/// Accept it as an event after all
///
/// As it is, for the rules may have changed since, or with the type and id given here.
#[utoipa::path(post, path = "/api/v1/quarantined-messages/{id}/replay", tag = TAG, operation_id = "replayQuarantinedMessage",
    params(("id" = QuarantineId, Path)), request_body = Option<QuarantineReplayBody>,
    responses((status = 202, description = "Accepted", body = EventAccepted),
        (status = 409, description = "It is still no event, was cut, or was replayed or discarded before")))]
pub(crate) async fn replay(
    Desk(desk): Desk,
    caller: Caller,
    PathId(id): Id,
    body: OptionalJsonObject,
) -> Result<(StatusCode, Json<EventAccepted>), ApiError> {
    let accepted = quarantine::replay(&desk, &caller.scope, id, &body.0).await?;
    Ok((StatusCode::ACCEPTED, Json(accepted)))
}

/// Discard
///
/// It is not wanted; its value, key and headers are forgotten.
#[utoipa::path(post, path = "/api/v1/quarantined-messages/{id}/discard", tag = TAG, operation_id = "discardQuarantinedMessage",
    params(("id" = QuarantineId, Path)),
    responses((status = 204, description = "Discarded"), (status = 409, description = "It was replayed or discarded before")))]
pub(crate) async fn discard(
    Desk(desk): Desk,
    caller: Caller,
    PathId(id): Id,
) -> Result<StatusCode, ApiError> {
    quarantine::discard(&desk, &caller.scope, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
