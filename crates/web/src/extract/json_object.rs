//! A request body that is one JSON object.

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request};
use http::header;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::auth::own_tenant;
use crate::extract::media_type::MediaType;
use crate::problem_response::ApiError;
use crate::state::{AppState, RequestLimits};

/// The members of the body's object. Text with a NUL character is refused here: PostgreSQL cannot hold it.
#[derive(Debug)]
pub struct JsonObject(pub Map<String, Value>);

impl FromRequest<AppState> for JsonObject {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, ApiError> {
        MediaType::require_json(request.headers())?;
        let (parts, body) = request.into_parts();
        let length = parts.headers.get(header::CONTENT_LENGTH).cloned();
        let mut request = Request::new(body);
        request.headers_mut().extend(length.map(|length| (header::CONTENT_LENGTH, length)));
        let bytes = read_body(request, &state.limits).await?;
        let object = Self::parse(&bytes)?;
        own_tenant::check(&parts.extensions, &object.0)?;
        Ok(object)
    }
}

impl JsonObject {
    /// Parses one object.
    pub fn parse(bytes: &[u8]) -> Result<Self, ApiError> {
        let Value::Object(members) = parse_json(bytes)? else {
            return Err(ApiError::MalformedBody("The request body must be a JSON object".to_owned()));
        };
        if let Some(path) = members.iter().find_map(|(key, value)| nul_in(key, value)) {
            return Err(ApiError::parameter(
                &path,
                "Pattern",
                format!("{path} must not contain the NUL character"),
                None,
            ));
        }
        Ok(Self(members))
    }
}

/// A JSON object, or nothing at all.
#[derive(Debug)]
pub struct OptionalJsonObject(pub Map<String, Value>);

impl FromRequest<AppState> for OptionalJsonObject {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        let bytes = read_body(Request::new(body), &state.limits).await?;
        if bytes.is_empty() {
            return Ok(Self(Map::new()));
        }
        MediaType::require_json(&parts.headers)?;
        JsonObject::parse(&bytes).map(|object| Self(object.0))
    }
}

/// The whole body, no longer and no later than the limits say.
pub async fn read_body(request: Request, limits: &RequestLimits) -> Result<Bytes, ApiError> {
    let limit = limits.body_bytes;
    let announced =
        request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: usize| length > limit) {
        return Err(ApiError::BodyTooLarge { limit });
    }
    tokio::time::timeout(limits.request_timeout, collect(request.into_body(), limit))
        .await
        .map_err(|_| ApiError::Timeout("The request body did not arrive in time"))?
}

async fn collect(body: Body, limit: usize) -> Result<Bytes, ApiError> {
    use http_body_util::{BodyExt, LengthLimitError, Limited};
    match Limited::new(body, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.downcast_ref::<LengthLimitError>().is_some() => {
            Err(ApiError::BodyTooLarge { limit })
        }
        Err(_) => Err(ApiError::MalformedBody("The request body ended before it was complete".to_owned())),
    }
}

/// Parses any JSON, naming line, column and remedy when it is none.
pub fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    if bytes.is_empty() {
        return Err(ApiError::MalformedBody(
            "The request body is empty; a JSON document is required".to_owned(),
        ));
    }
    serde_json::from_slice(bytes).map_err(|error| ApiError::MalformedBody(malformed(&error)))
}

/// The sentence for a parse error.
#[must_use]
pub fn malformed(error: &serde_json::Error) -> String {
    let remedy = if error.is_eof() {
        "the document ends too early; close every string, array and object"
    } else if error.to_string().starts_with("recursion limit") {
        "the document is nested too deeply; at most 120 levels are read"
    } else if error.is_syntax() {
        "check quotes, commas, escapes and numbers at this place"
    } else {
        "check the value at this place"
    };
    format!(
        "The request body is not valid JSON at line {}, column {}: {remedy}",
        error.line(),
        error.column()
    )
}

/// Where a NUL character hides in the value, as a dotted path.
fn nul_in(key: &str, value: &Value) -> Option<String> {
    if key.contains('\0') {
        return Some(key.replace('\0', "\u{fffd}"));
    }
    match value {
        Value::String(text) => text.contains('\0').then(|| key.to_owned()),
        Value::Array(items) => items.iter().enumerate().find_map(|(index, item)| {
            nul_in("", item).map(|rest| format!("{key}[{index}]{}", dotted(&rest)))
        }),
        Value::Object(members) => members
            .iter()
            .find_map(|(name, item)| nul_in(name, item).map(|rest| format!("{key}{}", dotted(&rest)))),
        _ => None,
    }
}

fn dotted(rest: &str) -> String {
    if rest.is_empty() || rest.starts_with('[') { rest.to_owned() } else { format!(".{rest}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_place_of_a_nul() {
        let error = JsonObject::parse(br#"{"a":{"b":["x","\u0000"]}}"#).expect_err("refused");
        assert_eq!(error.fields()[0].field, "a.b[1]");
        assert!(JsonObject::parse(br#"{"a":"b"}"#).is_ok());
    }

    #[test]
    fn names_line_and_column() {
        let error = JsonObject::parse(b"{\n\"a\": tru }").expect_err("refused").to_string();
        assert!(error.contains("line 2"), "{error}");
        let deep = "[".repeat(100_000);
        assert!(matches!(parse_json::<Value>(deep.as_bytes()), Err(ApiError::MalformedBody(_))));
        for hopeless in ["", "null", "[]", "{} {}", "{\"a\":NaN}", "{\"a\":1e999}", "\u{feff}{}"] {
            assert!(
                matches!(JsonObject::parse(hopeless.as_bytes()), Err(ApiError::MalformedBody(_))),
                "{hopeless}"
            );
        }
    }
}
