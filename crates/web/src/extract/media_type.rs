//! What a body claims to be.

use http::{HeaderMap, header};

use crate::problem_response::ApiError;

/// The kinds of body this service reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaType {
    /// `application/json`, or any `application/*+json` that is no CloudEvents form.
    Json,
    /// `application/cloudevents+json`.
    CloudEvent,
    /// `application/cloudevents-batch+json`.
    CloudEventBatch,
    /// Anything else, including none.
    Other,
}

impl MediaType {
    /// The media type of a body, refusing encodings this service does not undo.
    pub fn of(headers: &HeaderMap) -> Result<Self, ApiError> {
        if let Some(encoding) = headers.get(header::CONTENT_ENCODING)
            && !encoding.as_bytes().eq_ignore_ascii_case(b"identity")
        {
            return Err(ApiError::UnsupportedMediaType(
                "Encoded request bodies are not supported".to_owned(),
            ));
        }
        let text =
            headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        Ok(Self::named(text))
    }

    fn named(text: &str) -> Self {
        let essence = text.split(';').next().unwrap_or_default().trim();
        if essence.eq_ignore_ascii_case("application/json") {
            return Self::Json;
        }
        match essence.to_ascii_lowercase().as_str() {
            "application/cloudevents+json" => Self::CloudEvent,
            "application/cloudevents-batch+json" => Self::CloudEventBatch,
            other if other.starts_with("application/") && other.ends_with("+json") => Self::Json,
            _ => Self::Other,
        }
    }

    /// Refuses everything that is not plain JSON. A missing content type is refused too: browsers send bodies without
    /// one across origins without asking first.
    pub fn require_json(headers: &HeaderMap) -> Result<(), ApiError> {
        match Self::of(headers)? {
            Self::Json => Ok(()),
            _ => Err(unsupported(headers)),
        }
    }
}

/// The refusal that names what was sent.
#[must_use]
pub fn unsupported(headers: &HeaderMap) -> ApiError {
    let sent = headers
        .get(header::CONTENT_TYPE)
        .map_or("none".to_owned(), |value| format!("'{}'", String::from_utf8_lossy(value.as_bytes())));
    ApiError::UnsupportedMediaType(format!("Content-Type must be application/json; it is {sent}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_essence_only() {
        assert_eq!(MediaType::named("application/json; charset=utf-8"), MediaType::Json);
        assert_eq!(MediaType::named("Application/CloudEvents+JSON"), MediaType::CloudEvent);
        assert_eq!(MediaType::named("application/cloudevents-batch+json"), MediaType::CloudEventBatch);
        assert_eq!(MediaType::named("application/merge-patch+json"), MediaType::Json);
        assert_eq!(MediaType::named("text/plain"), MediaType::Other);
        assert_eq!(MediaType::named(""), MediaType::Other);
    }
}
