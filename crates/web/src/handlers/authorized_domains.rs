//! `/api/v1/authorized-domains`.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use callbacks_core::management::authorized_domains::{self as domains, Verification};
use callbacks_interfaces::authorized_domain::AuthorizedDomain;
use callbacks_interfaces::ids::DomainId;
use callbacks_interfaces::page::Page;
use http::StatusCode;

use crate::extract::caller::Caller;
use crate::extract::desk::Desk;
use crate::extract::json_object::JsonObject;
use crate::extract::path_id::{PathId, PathText};
use crate::extract::query_parameters::QueryParameters;
use crate::handlers::answer::created;
use crate::problem_response::ApiError;
use crate::serving::schemas::{AuthorizedDomainBody, FilterBody};
use crate::state::AppState;

const TAG: &str = "Authorized Domains";
type Id = PathId<DomainId>;

/// Create authorized domain
#[utoipa::path(post, path = "/api/v1/authorized-domains", tag = TAG, operation_id = "create_2",
    request_body = AuthorizedDomainBody,
    responses((status = 201, description = "Domain created successfully", body = AuthorizedDomain),
        (status = 409, description = "The domain is already authorized for this tenant")))]
pub(crate) async fn create(Desk(desk): Desk, caller: Caller, body: JsonObject) -> Result<Response, ApiError> {
    let view = domains::create(&desk, &caller.scope, trust(&caller), &body.0).await?;
    Ok(created(&format!("/api/v1/authorized-domains/{}", view.id), view))
}

/// List authorized domains
#[utoipa::path(get, path = "/api/v1/authorized-domains", tag = TAG, operation_id = "listDomains",
    params(("page" = Option<i32>, Query), ("size" = Option<i32>, Query), ("sort" = Option<Vec<String>>, Query), ("search" = Option<String>, Query)),
    responses((status = 200, description = "One page", body = Page<AuthorizedDomain>)))]
pub(crate) async fn list(
    State(app): State<AppState>,
    caller: Caller,
    query: QueryParameters,
) -> Result<Json<Page<AuthorizedDomain>>, ApiError> {
    Ok(Json(domains::filter(&app.management, &caller.scope, &query.as_filter(&[])).await?))
}

/// Filter authorized domains
#[utoipa::path(post, path = "/api/v1/authorized-domains/filter", tag = TAG, operation_id = "filterDomains",
    request_body = FilterBody,
    responses((status = 200, description = "Successfully retrieved filtered domains", body = Page<AuthorizedDomain>)))]
pub(crate) async fn filter(
    State(app): State<AppState>,
    caller: Caller,
    body: JsonObject,
) -> Result<Json<Page<AuthorizedDomain>>, ApiError> {
    Ok(Json(domains::filter(&app.management, &caller.scope, &body.0).await?))
}

/// Get domain by ID
#[utoipa::path(get, path = "/api/v1/authorized-domains/{id}", tag = TAG, operation_id = "getDomain",
    params(("id" = DomainId, Path)),
    responses((status = 200, description = "Domain found", body = AuthorizedDomain)))]
pub(crate) async fn get(
    State(app): State<AppState>,
    caller: Caller,
    PathId(id): Id,
) -> Result<Json<AuthorizedDomain>, ApiError> {
    Ok(Json(domains::get(&app.management, &caller.scope, id).await?))
}

/// Update domain
#[utoipa::path(put, path = "/api/v1/authorized-domains/{id}", tag = TAG, operation_id = "update_2",
    params(("id" = DomainId, Path)), request_body = AuthorizedDomainBody,
    responses((status = 200, description = "Domain updated successfully", body = AuthorizedDomain)))]
pub(crate) async fn replace(
    Desk(desk): Desk,
    caller: Caller,
    PathId(id): Id,
    body: JsonObject,
) -> Result<Json<AuthorizedDomain>, ApiError> {
    Ok(Json(domains::replace(&desk, &caller.scope, id, trust(&caller), &body.0).await?))
}

/// Change parts of a domain
///
/// What is absent stays; `null` clears.
#[utoipa::path(patch, path = "/api/v1/authorized-domains/{id}", tag = TAG, operation_id = "patchDomain",
    params(("id" = DomainId, Path)), request_body = AuthorizedDomainBody,
    responses((status = 200, description = "Domain changed", body = AuthorizedDomain)))]
pub(crate) async fn patch(
    Desk(desk): Desk,
    caller: Caller,
    PathId(id): Id,
    body: JsonObject,
) -> Result<Json<AuthorizedDomain>, ApiError> {
    Ok(Json(domains::patch(&desk, &caller.scope, id, trust(&caller), &body.0).await?))
}

/// Delete domain
///
/// `domain` must be the name of the domain: a guard against deleting another than meant.
#[utoipa::path(delete, path = "/api/v1/authorized-domains/{id}", tag = TAG, operation_id = "delete_2",
    params(("id" = DomainId, Path), ("domain" = String, Query)),
    responses((status = 204, description = "Domain deleted successfully")))]
pub(crate) async fn delete(
    Desk(desk): Desk,
    caller: Caller,
    PathId(id): Id,
    query: QueryParameters,
) -> Result<StatusCode, ApiError> {
    domains::delete(&desk, &caller.scope, id, query.required("domain")?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Verify domain
///
/// `DNS_TXT` looks for the domain's `verificationToken` in a TXT record `_callbacks-challenge.<domain>`; `HTTP` fetches it
/// from `/.well-known/callbacks-challenge/<token>`; `CLOUDEVENTS` asks the endpoints there for their consent with an `OPTIONS`
/// request. Any other method, such as `MANUAL`, is an operator's word.
#[utoipa::path(post, path = "/api/v1/authorized-domains/{domain}/verify", tag = TAG, operation_id = "verify",
    params(("domain" = String, Path), ("verificationMethod" = String, Query)),
    responses((status = 204, description = "Domain verified successfully"),
        (status = 409, description = "Control over the domain is not proven")))]
pub(crate) async fn verify(
    Desk(desk): Desk,
    caller: Caller,
    PathText(domain): PathText,
    query: QueryParameters,
) -> Result<StatusCode, ApiError> {
    let method = query.required("verificationMethod")?;
    domains::verify(&desk, &caller.scope, trust(&caller), &domain, method).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn trust(caller: &Caller) -> Verification {
    if caller.may_verify() { Verification::OnWord } else { Verification::OnProof }
}
