//! Every way a request can fail, and the one map from there to a status, a code and a remedy.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use callbacks_core::management::error::ManagementError;
use callbacks_interfaces::field_errors::{FieldError, ValidationErrors};
use callbacks_interfaces::problem::{ProblemCategory, ProblemSeverity};
use http::{HeaderValue, StatusCode};

/// Why a request is not answered as asked. Carried to the edge in the response's extensions, rendered there once the
/// caller's `Accept` is known.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ApiError {
    /// Fields or parameters break their rules; every broken one is listed.
    #[error("Invalid request parameters")]
    Validation(ValidationErrors),
    /// The body is not what its content type says.
    #[error("{0}")]
    MalformedBody(String),
    /// The content type or encoding of the body is not one this operation reads.
    #[error("{0}")]
    UnsupportedMediaType(String),
    /// The body is longer than `limit` bytes.
    #[error("The request body must not exceed {limit} bytes")]
    BodyTooLarge {
        /// Bytes.
        limit: usize,
    },
    /// The body did not arrive, or the answer was not ready, in time.
    #[error("{0}")]
    Timeout(&'static str),
    /// No operation has this path.
    #[error("No operation is served at this path")]
    UnknownRoute,
    /// The path exists, the method does not.
    #[error("The method {0} is not supported here")]
    MethodNotAllowed(http::Method),
    /// As [`Self::MethodNotAllowed`], found out at the door.
    #[error("The method {method} is not supported here")]
    MethodNotServed {
        /// The caller's.
        method: http::Method,
        /// The value of `Allow`.
        allowed: String,
    },
    /// No credential, or not a good one. Which of the two is not said.
    #[error("A valid API key or token is required")]
    Unauthorized,
    /// A token that is not accepted; the text says why, in ASCII without quotes.
    #[error("The token is not accepted: {0}")]
    TokenRefused(String),
    /// The caller may not.
    #[error("{0}")]
    Forbidden(String),
    /// The caller asks too often.
    #[error("Too many requests with this credential")]
    TooManyRequests {
        /// When the next request would be let through.
        retry_after: Duration,
    },
    /// The thing named by the path does not exist, or not for this caller.
    #[error("{what} not found: {id}")]
    NotFound {
        /// The kind of thing, e.g. `Callback configuration`.
        what: &'static str,
        /// How the caller named it.
        id: String,
    },
    /// The change contradicts what is stored.
    #[error("{0}")]
    Conflict(String),
    /// `X-Idempotency-Key` is blank, too long or unprintable.
    #[error("Invalid X-Idempotency-Key header")]
    IdempotencyKeyInvalid,
    /// The key was used before with another request.
    #[error("This X-Idempotency-Key was already used with a different request")]
    IdempotencyKeyReused,
    /// The first request with this key is still running.
    #[error("The first request with this X-Idempotency-Key has not finished yet")]
    IdempotencyKeyBusy,
    /// The database is away.
    #[error("The service cannot reach its database")]
    Unavailable {
        /// When trying again makes sense.
        retry_after: Duration,
    },
    /// More is asked than can be taken now.
    #[error("The service is taking as much work as it can")]
    Overloaded {
        /// When trying again makes sense.
        retry_after: Duration,
    },
    /// A fault of ours; the cause is in the log, never in the answer.
    #[error("An unexpected error occurred")]
    Internal,
}

/// What the answer to an [`ApiError`] says beside its message.
#[derive(Debug, Clone, Copy)]
pub struct Classification {
    /// HTTP status.
    pub status: StatusCode,
    /// Short title; the `error` of an ErrorResponse and the `title` of a problem.
    pub title: &'static str,
    /// Stable code for programs.
    pub code: &'static str,
    /// What kind of thing went wrong.
    pub category: ProblemCategory,
    /// How bad it is.
    pub severity: ProblemSeverity,
    /// Whether the same request may succeed later.
    pub retryable: bool,
    /// What the caller can do.
    pub suggestion: &'static str,
}

impl ApiError {
    /// The one map from error to answer.
    #[must_use]
    pub fn classify(&self) -> Classification {
        let (status, code) = self.status_and_code();
        let ours = status.is_server_error();
        Classification {
            status,
            code,
            title: match self {
                Self::Validation(_) => "Validation Failed",
                _ => status.canonical_reason().unwrap_or("Error"),
            },
            category: self.category(),
            severity: match self {
                Self::Internal => ProblemSeverity::Critical,
                Self::Overloaded { .. } => ProblemSeverity::Medium,
                _ if ours => ProblemSeverity::High,
                _ => ProblemSeverity::Low,
            },
            retryable: self.retry_after_seconds().is_some() || status == StatusCode::REQUEST_TIMEOUT,
            suggestion: self.suggestion(),
        }
    }

    fn status_and_code(&self) -> (StatusCode, &'static str) {
        match self {
            Self::Validation(_) => (StatusCode::BAD_REQUEST, "VALIDATION_ERROR"),
            Self::MalformedBody(_) => (StatusCode::BAD_REQUEST, "MALFORMED_BODY"),
            Self::IdempotencyKeyInvalid => (StatusCode::BAD_REQUEST, "IDEMPOTENCY_KEY_INVALID"),
            Self::UnknownRoute => (StatusCode::NOT_FOUND, "ROUTE_NOT_FOUND"),
            Self::NotFound { .. } => (StatusCode::NOT_FOUND, "RESOURCE_NOT_FOUND"),
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "UNAUTHORIZED"),
            Self::TokenRefused(_) => (StatusCode::UNAUTHORIZED, "INVALID_TOKEN"),
            Self::Forbidden(_) => (StatusCode::FORBIDDEN, "FORBIDDEN"),
            Self::TooManyRequests { .. } => (StatusCode::TOO_MANY_REQUESTS, "TOO_MANY_REQUESTS"),
            Self::MethodNotAllowed(_) | Self::MethodNotServed { .. } => {
                (StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED")
            }
            Self::Timeout(_) => (StatusCode::REQUEST_TIMEOUT, "REQUEST_TIMEOUT"),
            Self::Conflict(_) => (StatusCode::CONFLICT, "CONFLICT"),
            Self::IdempotencyKeyBusy => (StatusCode::CONFLICT, "IDEMPOTENCY_KEY_BUSY"),
            Self::BodyTooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "PAYLOAD_TOO_LARGE"),
            Self::UnsupportedMediaType(_) => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE"),
            Self::IdempotencyKeyReused => (StatusCode::UNPROCESSABLE_ENTITY, "IDEMPOTENCY_KEY_REUSED"),
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL_ERROR"),
            Self::Unavailable { .. } => (StatusCode::SERVICE_UNAVAILABLE, "SERVICE_UNAVAILABLE"),
            Self::Overloaded { .. } => (StatusCode::SERVICE_UNAVAILABLE, "OVERLOADED"),
        }
    }

    fn category(&self) -> ProblemCategory {
        match self {
            Self::UnknownRoute | Self::NotFound { .. } => ProblemCategory::Resource,
            Self::Conflict(_) | Self::IdempotencyKeyBusy => ProblemCategory::Business,
            Self::Timeout(_) | Self::Unavailable { .. } | Self::Internal => ProblemCategory::Technical,
            Self::Overloaded { .. } | Self::TooManyRequests { .. } => ProblemCategory::RateLimit,
            Self::Unauthorized | Self::TokenRefused(_) | Self::Forbidden(_) => ProblemCategory::Security,
            Self::Validation(_)
            | Self::MalformedBody(_)
            | Self::UnsupportedMediaType(_)
            | Self::BodyTooLarge { .. }
            | Self::MethodNotAllowed(_)
            | Self::MethodNotServed { .. }
            | Self::IdempotencyKeyInvalid
            | Self::IdempotencyKeyReused => ProblemCategory::Validation,
        }
    }

    fn suggestion(&self) -> &'static str {
        match self {
            Self::Validation(_) => "Please check the validation errors and correct your request.",
            Self::MalformedBody(_) => {
                "Send one complete JSON document, UTF-8, nested at most 120 levels deep."
            }
            Self::UnsupportedMediaType(_) => {
                "Send the header Content-Type: application/json and an unencoded body."
            }
            Self::BodyTooLarge { .. } => {
                "Send a smaller body, or store the data elsewhere and send a reference to it."
            }
            Self::Timeout(_) => "Send the whole request at once and try again.",
            Self::UnknownRoute => "See /swagger-ui.html for the operations that exist.",
            Self::Unauthorized => {
                "Send the header Authorization: Bearer <API key or token>; a key may have expired or been revoked."
            }
            Self::TokenRefused(_) => {
                "Get a token for this service from your identity provider, and send it while it is valid."
            }
            Self::Forbidden(_) => "Use a credential whose role and tenant allow this.",
            Self::TooManyRequests { .. } => {
                "Wait as long as the Retry-After header says, and send events in batches."
            }
            Self::MethodNotAllowed(_) | Self::MethodNotServed { .. } => {
                "Use one of the methods listed in the Allow header."
            }
            Self::NotFound { .. } => {
                "Check the identifier; it may have been deleted or belong to another tenant."
            }
            Self::Conflict(_) => "Read the current state and decide again.",
            Self::IdempotencyKeyInvalid => {
                "Send 1 to 255 printable ASCII characters, or leave the header out."
            }
            Self::IdempotencyKeyReused => {
                "Use a new key for a new request; repeat a request with exactly the same query and body."
            }
            Self::IdempotencyKeyBusy => "Repeat the request later with the same key.",
            Self::Unavailable { .. } | Self::Overloaded { .. } => {
                "Try again after the time given in the Retry-After header."
            }
            Self::Internal => "Report the requestId to the operator of this service.",
        }
    }

    /// What `WWW-Authenticate` says (RFC 6750, section 3).
    #[must_use]
    pub fn challenge(&self) -> Option<HeaderValue> {
        let plain = HeaderValue::from_static("Bearer realm=\"callbacks\"");
        match self {
            Self::Unauthorized => Some(plain),
            Self::TokenRefused(reason) => {
                let text = format!(
                    "Bearer realm=\"callbacks\", error=\"invalid_token\", error_description=\"{reason}\""
                );
                Some(HeaderValue::from_str(&text).unwrap_or(plain))
            }
            _ => None,
        }
    }

    /// What `Retry-After` says, in whole seconds, at least 1.
    #[must_use]
    pub fn retry_after_seconds(&self) -> Option<u64> {
        let wait = match self {
            Self::Unavailable { retry_after }
            | Self::Overloaded { retry_after }
            | Self::TooManyRequests { retry_after } => *retry_after,
            Self::IdempotencyKeyBusy => Duration::from_secs(1),
            _ => return None,
        };
        Some(wait.as_secs().max(1))
    }

    /// The broken fields, if the error is about fields.
    #[must_use]
    pub fn fields(&self) -> &[FieldError] {
        match self {
            Self::Validation(errors) => &errors.0,
            _ => &[],
        }
    }

    /// A validation error about one parameter.
    #[must_use]
    pub fn parameter(field: &str, code: &str, message: impl Into<String>, rejected: Option<&str>) -> Self {
        let mut error = FieldError::new(field, code, message);
        if let Some(text) = rejected {
            error = error.rejecting(&text.into());
        }
        Self::Validation(error.into())
    }
}

impl From<ValidationErrors> for ApiError {
    /// Errors about the body as a whole mean that it is no JSON, or not the kind of JSON that was expected.
    fn from(errors: ValidationErrors) -> Self {
        match errors.0.as_slice() {
            [only] if only.field.is_empty() => Self::MalformedBody(only.message.clone()),
            _ => Self::Validation(errors),
        }
    }
}

impl From<ManagementError> for ApiError {
    fn from(error: ManagementError) -> Self {
        match error {
            ManagementError::Invalid(errors) => errors.into(),
            ManagementError::NotFound { what, id } => Self::NotFound { what, id },
            ManagementError::Conflict(message) => Self::Conflict(message),
            ManagementError::Forbidden(message) => Self::Forbidden(message),
            ManagementError::Unavailable { retry_after } => Self::Unavailable { retry_after },
            ManagementError::Overloaded { retry_after } => Self::Overloaded { retry_after },
            ManagementError::Internal => Self::Internal,
        }
    }
}

impl IntoResponse for ApiError {
    /// A response without a body: the edge renders it. Only the status is already right.
    fn into_response(self) -> Response {
        let mut response = self.classify().status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}
