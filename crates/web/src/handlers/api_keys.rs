//! `/api/v1/api-keys`, for operators.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use callbacks_core::access::key_register::{ApiKeyView, NewKey};
use callbacks_core::clock::{Clock, SystemClock};
use callbacks_core::management::api_keys;
use callbacks_interfaces::tenant::TenantId;
use http::{StatusCode, Uri};
use serde_json::json;
use uuid::Uuid;

use crate::extract::caller::Caller;
use crate::extract::desk::Desk;
use crate::extract::json_object::JsonObject;
use crate::extract::path_id::PathId;
use crate::extract::query_parameters::QueryParameters;
use crate::handlers::answer::{created, linked};
use crate::handlers::listing::{next_link, position};
use crate::middleware::idempotency::KeptBody;
use crate::problem_response::ApiError;
use crate::serving::access_schemas::{ApiKeyBody, ApiKeyViewBody, NewApiKeyBody};
use crate::state::AppState;

const TAG: &str = "API Keys";
/// Most rows of one answer.
const MAX_ROWS: usize = 500;

/// Create an API key
///
/// The key is shown in this answer and never again.
#[utoipa::path(post, path = "/api/v1/api-keys", tag = TAG, operation_id = "createApiKey",
    request_body = ApiKeyBody,
    responses((status = 201, description = "Created", body = NewApiKeyBody)))]
pub(crate) async fn create(
    State(app): State<AppState>,
    Desk(desk): Desk,
    caller: Caller,
    body: JsonObject,
) -> Result<Response, ApiError> {
    let made = api_keys::create(&desk, &caller, SystemClock.now(), &body.0).await?;
    app.guard.refresh().await;
    Ok(shown_once(&made))
}

/// List API keys
///
/// Newest first, without the keys themselves; `Link: rel="next"` leads on.
#[utoipa::path(get, path = "/api/v1/api-keys", tag = TAG, operation_id = "listApiKeys",
    params(("tenantId" = Option<String>, Query), ("cursor" = Option<String>, Query), ("limit" = Option<i32>, Query)),
    responses((status = 200, description = "Keys", body = Vec<ApiKeyViewBody>)))]
pub(crate) async fn list(
    State(app): State<AppState>,
    uri: Uri,
    query: QueryParameters,
) -> Result<Response, ApiError> {
    let position = position(&query, MAX_ROWS)?;
    let tenant: Option<TenantId> = query.parsed("tenantId", "a tenant id of 1 to 100 characters")?;
    let page = api_keys::list(&app.management, tenant.as_ref(), position).await?;
    let next = page.next.map(|cursor| next_link(&uri, &cursor.to_string()));
    Ok(linked(&page.rows, next.as_deref()))
}

/// Get API key by ID
#[utoipa::path(get, path = "/api/v1/api-keys/{id}", tag = TAG, operation_id = "getApiKey",
    params(("id" = Uuid, Path)),
    responses((status = 200, description = "The key's data, without the key itself", body = ApiKeyViewBody)))]
pub(crate) async fn get(
    State(app): State<AppState>,
    PathId(id): PathId<Uuid>,
) -> Result<Json<ApiKeyView>, ApiError> {
    Ok(Json(api_keys::get(&app.management, id).await?))
}

/// Revoke an API key
///
/// For good. It is refused here at once, and on every replica within two seconds.
#[utoipa::path(delete, path = "/api/v1/api-keys/{id}", tag = TAG, operation_id = "revokeApiKey",
    params(("id" = Uuid, Path)),
    responses((status = 204, description = "Revoked")))]
pub(crate) async fn revoke(
    State(app): State<AppState>,
    Desk(desk): Desk,
    PathId(id): PathId<Uuid>,
) -> Result<StatusCode, ApiError> {
    api_keys::revoke(&desk, id).await?;
    app.guard.refresh().await;
    Ok(StatusCode::NO_CONTENT)
}

/// The answer with the key, and beside it the one without, for whoever repeats the request with the same idempotency key.
fn shown_once(made: &NewKey) -> Response {
    let with_key = |key: Option<&str>| {
        let mut body = json!(made.view);
        body.as_object_mut().map(|members| members.insert("key".to_owned(), json!(key)));
        body
    };
    let kept = KeptBody(Bytes::from(with_key(None).to_string()));
    let body = with_key(Some(made.key.expose()));
    let mut response = created(&format!("/api/v1/api-keys/{}", made.view.id), body).into_response();
    response.extensions_mut().insert(kept);
    response
}
