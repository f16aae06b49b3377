//! An id in the path.

use std::str::FromStr;

use axum::extract::{FromRequestParts, RawPathParams};
use http::request::Parts;

use crate::problem_response::ApiError;

/// The first path parameter, parsed; refused with a 400 that names the parameter as the route does.
#[derive(Debug)]
pub struct PathId<T>(pub T);

impl<T: FromStr, S: Send + Sync> FromRequestParts<S> for PathId<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let (name, text) = first_parameter(parts, state).await?;
        text.parse().map(Self).map_err(|_| {
            ApiError::parameter(
                &name,
                "TypeMismatch",
                format!("{name} must be a valid identifier (UUID)"),
                Some(&text),
            )
        })
    }
}

/// The first path parameter as text, percent-decoded.
#[derive(Debug)]
pub struct PathText(pub String);

impl<S: Send + Sync> FromRequestParts<S> for PathText {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let (name, text) = first_parameter(parts, state).await?;
        if text.contains(char::is_control) {
            return Err(ApiError::parameter(
                &name,
                "Pattern",
                format!("{name} must not contain control characters"),
                None,
            ));
        }
        Ok(Self(text))
    }
}

async fn first_parameter<S: Send + Sync>(parts: &mut Parts, state: &S) -> Result<(String, String), ApiError> {
    let parameters = RawPathParams::from_request_parts(parts, state).await.map_err(|_| {
        ApiError::parameter("path", "TypeMismatch", "the path must be valid UTF-8 when percent-decoded", None)
    })?;
    let first = parameters.iter().next().map(|(name, text)| (name.to_owned(), text.to_owned()));
    first.ok_or(ApiError::Internal)
}
