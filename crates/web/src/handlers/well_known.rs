//! What receivers find out without a key: the public keys they verify Ed25519 signatures with.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use callbacks_core::management::signing_keys;
use http::header;

use crate::problem_response::ApiError;
use crate::state::AppState;

/// How long receivers may keep the keys. A rotated key signs beside the new one far longer than that.
const CACHE: &str = "public, max-age=300";

/// Public keys of Ed25519 signatures
#[utoipa::path(get, path = "/.well-known/callbacks/jwks.json", tag = "Well-known", operation_id = "signingKeys",
    responses((status = 200, description = "JSON Web Key Set; `kid` is the configuration's id, with `.previous` and `.older` for the keys before rotations",
        body = serde_json::Value, content_type = "application/jwk-set+json")))]
pub(crate) async fn jwks(State(app): State<AppState>) -> Result<Response, ApiError> {
    let keys = serde_json::to_vec(&signing_keys::jwks(&app.management)).map_err(|_| ApiError::Internal)?;
    let head = [(header::CONTENT_TYPE, "application/jwk-set+json"), (header::CACHE_CONTROL, CACHE)];
    Ok((head, keys).into_response())
}
