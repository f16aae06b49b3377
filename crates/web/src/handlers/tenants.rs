//! `/api/v1/tenants`, for operators.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use callbacks_core::management::tenants::{self, TenantView};
use callbacks_interfaces::tenant::TenantId;
use http::{StatusCode, Uri};

use crate::extract::desk::Desk;
use crate::extract::json_object::JsonObject;
use crate::extract::path_id::PathText;
use crate::extract::query_parameters::QueryParameters;
use crate::handlers::answer::{created, linked};
use crate::problem_response::ApiError;
use crate::serving::access_schemas::{TenantBody, TenantPatchBody, TenantViewBody};
use crate::state::AppState;

const TAG: &str = "Tenants";
/// Most rows of one answer.
const MAX_ROWS: u32 = 500;

/// Register a tenant
#[utoipa::path(post, path = "/api/v1/tenants", tag = TAG, operation_id = "createTenant",
    request_body = TenantBody,
    responses((status = 201, description = "Registered", body = TenantViewBody),
        (status = 409, description = "The tenant is already registered")))]
pub(crate) async fn create(Desk(desk): Desk, body: JsonObject) -> Result<Response, ApiError> {
    let view = tenants::create(&desk, &body.0).await?;
    Ok(created(&location(&view.id), view))
}

/// List tenants
///
/// In the order of their ids; `Link: rel="next"` leads on.
#[utoipa::path(get, path = "/api/v1/tenants", tag = TAG, operation_id = "listTenants",
    params(("after" = Option<String>, Query), ("limit" = Option<i32>, Query)),
    responses((status = 200, description = "Tenants", body = Vec<TenantViewBody>)))]
pub(crate) async fn list(
    State(app): State<AppState>,
    uri: Uri,
    query: QueryParameters,
) -> Result<Response, ApiError> {
    let limit = query.parsed("limit", "a whole number from 1 to 500")?.unwrap_or(MAX_ROWS);
    if !(1..=MAX_ROWS).contains(&limit) {
        let message = format!("limit must be a whole number from 1 to {MAX_ROWS}");
        return Err(ApiError::parameter("limit", "Max", message, query.get("limit")));
    }
    let (rows, more) = tenants::list(&app.management, query.get("after"), limit).await?;
    let next = rows.last().filter(|_| more).map(|last| {
        let pairs = [("limit", limit.to_string()), ("after", last.id.to_string())];
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        format!("{}?{query}", uri.path())
    });
    Ok(linked(&rows, next.as_deref()))
}

/// Get tenant by ID
#[utoipa::path(get, path = "/api/v1/tenants/{id}", tag = TAG, operation_id = "getTenant",
    params(("id" = String, Path)),
    responses((status = 200, description = "The tenant", body = TenantViewBody)))]
pub(crate) async fn get(
    State(app): State<AppState>,
    PathText(id): PathText,
) -> Result<Json<TenantView>, ApiError> {
    Ok(Json(tenants::get(&app.management, &tenant(&id)?).await?))
}

/// Change a tenant
///
/// While `active` is false, none of its API keys is accepted. With `payloadEncryption` its payloads and response bodies are
/// stored encrypted with a key of its own, from two seconds after the answer at the latest; what is stored already stays.
#[utoipa::path(patch, path = "/api/v1/tenants/{id}", tag = TAG, operation_id = "patchTenant",
    params(("id" = String, Path)), request_body = TenantPatchBody,
    responses((status = 200, description = "Changed", body = TenantViewBody)))]
pub(crate) async fn patch(
    State(app): State<AppState>,
    Desk(desk): Desk,
    PathText(id): PathText,
    body: JsonObject,
) -> Result<Response, ApiError> {
    let view = tenants::patch(&desk, &tenant(&id)?, &body.0).await?;
    app.guard.refresh().await;
    Ok(Json(view).into_response())
}

/// Delete a tenant
///
/// Destroys the key of its encrypted payloads, which nobody can read from then on, and removes its API keys,
/// configurations, domains and subscriptions: at once here, within two seconds on every replica. Events and executions
/// are removed by retention. The id is never given again; deleting it twice does no harm.
#[utoipa::path(delete, path = "/api/v1/tenants/{id}", tag = TAG, operation_id = "deleteTenant",
    params(("id" = String, Path)),
    responses((status = 204, description = "Deleted")))]
pub(crate) async fn delete(
    State(app): State<AppState>,
    Desk(desk): Desk,
    PathText(id): PathText,
) -> Result<StatusCode, ApiError> {
    tenants::delete(&desk, &tenant(&id)?).await?;
    app.guard.refresh().await;
    Ok(StatusCode::NO_CONTENT)
}

/// What is no tenant id names no tenant.
fn tenant(id: &str) -> Result<TenantId, ApiError> {
    TenantId::try_from(id).map_err(|_| ApiError::NotFound { what: "Tenant", id: id.to_owned() })
}

fn location(id: &TenantId) -> String {
    let encoded: String = url::form_urlencoded::byte_serialize(id.as_str().as_bytes()).collect();
    format!("/api/v1/tenants/{}", encoded.replace('+', "%20"))
}
