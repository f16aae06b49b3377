//! A body may name no tenant but the caller's own.

use callbacks_core::access::caller::Caller;
use callbacks_interfaces::tenant::TenantScope;
use http::Extensions;
use serde_json::{Map, Value};

use crate::problem_response::ApiError;

/// Refuses a body whose `tenantId` is another tenant than the caller's. An operator may name any; a `tenantId` that is
/// no text is left to the rules of its field.
pub(crate) fn check(extensions: &Extensions, members: &Map<String, Value>) -> Result<(), ApiError> {
    let scope = extensions.get::<Caller>().map(|caller| &caller.scope);
    match (scope, members.get("tenantId").and_then(Value::as_str)) {
        (Some(TenantScope::One(own)), Some(named)) if own.as_str() != named => {
            Err(ApiError::Forbidden("tenantId must be your own tenant".to_owned()))
        }
        _ => Ok(()),
    }
}
