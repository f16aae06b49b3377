//! Who is asking: the guard at the door has found out, the handler takes it from here.

use axum::extract::FromRequestParts;
use http::request::Parts;

use crate::problem_response::ApiError;
use crate::state::AppState;

pub use callbacks_core::access::caller::Caller;

impl FromRequestParts<AppState> for Caller {
    type Rejection = ApiError;

    /// A request that came in without a caller (through an open door) has none to act for.
    async fn from_request_parts(parts: &mut Parts, _state: &AppState) -> Result<Self, ApiError> {
        parts.extensions.get::<Self>().cloned().ok_or(ApiError::Unauthorized)
    }
}
