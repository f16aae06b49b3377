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
        parsed(parameter_at(0, parts, state).await?).map(Self)
    }
}

/// The first two path parameters, parsed as [`PathId`] does.
#[derive(Debug)]
pub struct PathIds<A, B>(pub A, pub B);

impl<A: FromStr, B: FromStr, S: Send + Sync> FromRequestParts<S> for PathIds<A, B> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let first = parameter_at(0, parts, state).await?;
        let second = parameter_at(1, parts, state).await?;
        Ok(Self(parsed(first)?, parsed(second)?))
    }
}

fn parsed<T: FromStr>((name, text): (String, String)) -> Result<T, ApiError> {
    text.parse().map_err(|_| {
        let message = format!("{name} must be a valid identifier (UUID)");
        ApiError::parameter(&name, "TypeMismatch", message, Some(&text))
    })
}

/// The first path parameter as text, percent-decoded.
#[derive(Debug)]
pub struct PathText(pub String);

impl<S: Send + Sync> FromRequestParts<S> for PathText {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let (name, text) = parameter_at(0, parts, state).await?;
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

async fn parameter_at<S: Send + Sync>(
    place: usize,
    parts: &mut Parts,
    state: &S,
) -> Result<(String, String), ApiError> {
    let parameters = RawPathParams::from_request_parts(parts, state).await.map_err(|_| {
        ApiError::parameter("path", "TypeMismatch", "the path must be valid UTF-8 when percent-decoded", None)
    })?;
    let found = parameters.iter().nth(place).map(|(name, text)| (name.to_owned(), text.to_owned()));
    found.ok_or(ApiError::Internal)
}
