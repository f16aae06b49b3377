//! The shapes an answer takes: created with its location, a capped array with a link to what follows.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

/// 201 with the view and its `Location`.
pub(crate) fn created<T: Serialize>(location: &str, view: T) -> Response {
    let mut response = (StatusCode::CREATED, Json(view)).into_response();
    if let Ok(value) = HeaderValue::from_str(location) {
        response.headers_mut().insert(header::LOCATION, value);
    }
    response
}

/// A bare array; when more follow, `Link: <next>; rel="next"` says where.
pub(crate) fn linked<T: Serialize>(rows: &[T], next: Option<&str>) -> Response {
    let mut response = Json(rows).into_response();
    if let Some(value) = next.and_then(|uri| HeaderValue::from_str(&format!("<{uri}>; rel=\"next\"")).ok()) {
        response.headers_mut().insert(header::LINK, value);
    }
    response
}
