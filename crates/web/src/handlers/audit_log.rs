//! `/api/v1/audit-log`: every change made over the API.

use axum::extract::State;
use axum::response::Response;
use callbacks_core::management::audit_log;
use callbacks_interfaces::tenant::{TenantId, TenantScope};
use http::Uri;

use crate::extract::caller::Caller;
use crate::extract::query_parameters::QueryParameters;
use crate::handlers::answer::linked;
use crate::handlers::listing::{next_link, position};
use crate::problem_response::ApiError;
use crate::serving::access_schemas::AuditEntryBody;
use crate::state::AppState;

/// Read the audit log
///
/// Newest first; `Link: rel="next"` leads on. An operator sees every tenant's entries, or those of `tenantId`.
#[utoipa::path(get, path = "/api/v1/audit-log", tag = "Audit Log", operation_id = "readAuditLog",
    params(("tenantId" = Option<String>, Query), ("cursor" = Option<String>, Query), ("limit" = Option<i32>, Query)),
    responses((status = 200, description = "Entries", body = Vec<AuditEntryBody>)))]
pub(crate) async fn list(
    State(app): State<AppState>,
    caller: Caller,
    uri: Uri,
    query: QueryParameters,
) -> Result<Response, ApiError> {
    let position = position(&query, audit_log::MAX_ROWS)?;
    let named: Option<TenantId> = query.parsed("tenantId", "a tenant id of 1 to 100 characters")?;
    let scope = match (caller.scope, named) {
        (TenantScope::All, Some(named)) => TenantScope::One(named),
        (own, _) => own,
    };
    let page = audit_log::newest(&app.management, &scope, position).await?;
    let next = page.next.map(|cursor| next_link(&uri, &cursor.to_string()));
    Ok(linked(&page.rows, next.as_deref()))
}
