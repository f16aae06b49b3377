//! `/_webhooks`: svc-infra's routes, so that what subscribes and test-fires there does so here.

use axum::Json;
use axum::extract::State;
use callbacks_core::management::svc_infra;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::extract::caller::Caller;
use crate::extract::desk::Desk;
use crate::extract::json_object::JsonObject;
use crate::problem_response::ApiError;
use crate::state::AppState;

const TAG: &str = "svc-infra";

/// A subscription as svc-infra writes it.
#[derive(Serialize, ToSchema)]
pub struct WebhookSubscription {
    /// The event type; `[]` stands for all.
    #[schema(value_type = Value, example = "order.created")]
    pub topic: String,
    /// Where events are sent.
    pub url: String,
    /// Signing secret.
    #[schema(write_only)]
    pub secret: String,
}

/// A test event as svc-infra fires it.
#[derive(Serialize, ToSchema)]
pub struct WebhookTestFire {
    /// The event type.
    pub topic: String,
    /// The payload; `{}` if absent.
    pub payload: Option<Value>,
}

/// What svc-infra answers.
#[derive(Serialize, ToSchema)]
pub(crate) struct Done {
    /// `true`.
    ok: bool,
    /// A number for the event; 0 when nobody subscribed to its topic.
    #[serde(skip_serializing_if = "Option::is_none")]
    outbox_id: Option<u64>,
}

/// Subscribe a URL to a topic, as with svc-infra
///
/// Makes a configuration with wire profile SVC_INFRA. The same topic and URL again keep it and rotate its secret.
#[utoipa::path(post, path = "/_webhooks/subscriptions", tag = TAG, operation_id = "svcInfraSubscribe",
    request_body = WebhookSubscription,
    responses((status = 200, description = "Subscribed", body = Done)))]
pub(crate) async fn subscribe(
    Desk(desk): Desk,
    caller: Caller,
    JsonObject(body): JsonObject,
) -> Result<Json<Done>, ApiError> {
    svc_infra::subscribe(&desk, &caller.scope, &body).await?;
    Ok(Json(Done { ok: true, outbox_id: None }))
}

/// Fire a test event, as with svc-infra
///
/// An ordinary event of that type, with everything that follows from it.
#[utoipa::path(post, path = "/_webhooks/test-fire", tag = TAG, operation_id = "svcInfraTestFire",
    request_body = WebhookTestFire,
    responses((status = 200, description = "Accepted", body = Done)))]
pub(crate) async fn test_fire(
    State(app): State<AppState>,
    caller: Caller,
    JsonObject(body): JsonObject,
) -> Result<Json<Done>, ApiError> {
    let number = svc_infra::test_fire(&app.management, &caller.scope, &body).await?;
    Ok(Json(Done { ok: true, outbox_id: Some(number) }))
}
