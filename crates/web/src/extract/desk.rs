//! The desk for requests that change something: whatever is changed at it is told to the audit log, in the change's own
//! transaction, as done by this caller.

use std::collections::HashMap;
use std::sync::LazyLock;

use axum::extract::{FromRequestParts, MatchedPath};
use callbacks_core::access::audit_chain::Act;
use callbacks_core::access::caller::Caller;
use callbacks_core::management::Management;
use http::Method;
use http::request::Parts;
use utoipa::openapi::path::{Operation, PathItem};

use crate::problem_response::ApiError;
use crate::serving::openapi::openapi;
use crate::state::AppState;

/// The management, in the caller's hands.
pub struct Desk(pub Management);

impl FromRequestParts<AppState> for Desk {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let caller = parts.extensions.get::<Caller>().ok_or(ApiError::Unauthorized)?;
        let route = parts.extensions.get::<MatchedPath>().ok_or(ApiError::Internal)?;
        let operation = format!("{} {}", parts.method, route.as_str());
        let act = Act {
            actor: caller.actor.to_string(),
            role: caller.role.to_string(),
            status: SUCCESSES.get(&operation).copied().unwrap_or_default(),
            target: parts.uri.path().to_owned(),
            operation,
        };
        Ok(Self(state.management.acting(act)))
    }
}

/// How each operation is answered when it has changed something. The entry is written before the answer is, and the
/// OpenAPI document knows it: of several successes it is the highest, since 200 beside 202 says that nothing was started.
static SUCCESSES: LazyLock<HashMap<String, i16>> = LazyLock::new(|| {
    let document = openapi();
    let operations = document.paths.paths.iter().flat_map(|(path, item)| {
        writes(item).into_iter().filter_map(move |(method, operation)| {
            Some((format!("{method} {path}"), success(operation.as_ref()?)?))
        })
    });
    operations.collect()
});

fn writes(item: &PathItem) -> [(Method, &Option<Operation>); 4] {
    [
        (Method::POST, &item.post),
        (Method::PUT, &item.put),
        (Method::PATCH, &item.patch),
        (Method::DELETE, &item.delete),
    ]
}

fn success(operation: &Operation) -> Option<i16> {
    let statuses = operation.responses.responses.keys().filter_map(|status| status.parse().ok());
    statuses.filter(|status| (200..300).contains(status)).max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn successes_are_those_of_the_document() {
        let known = |operation: &str| SUCCESSES.get(operation).copied();
        assert_eq!(known("POST /api/v1/tenants"), Some(201));
        assert_eq!(known("DELETE /api/v1/tenants/{id}"), Some(204));
        assert_eq!(known("POST /api/v1/callback-configurations/{id}/replays"), Some(202));
    }
}
