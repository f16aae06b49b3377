//! What an error looks like in an answer: Firefly's `ErrorResponse`, or an RFC 9457 problem for
//! callers who ask for `application/problem+json`.

use serde::Serialize;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use crate::field_errors::{FieldError, ValidationErrors};
use crate::instant;
use crate::named_enum::named_enum;

named_enum! {
    /// What kind of thing went wrong.
    pub enum ProblemCategory {
        /// The request is not valid.
        Validation = "VALIDATION",
        /// The request conflicts with what is stored.
        Business = "BUSINESS",
        /// The service failed.
        Technical = "TECHNICAL",
        /// The caller may not.
        Security = "SECURITY",
        /// Something the service depends on failed.
        External = "EXTERNAL",
        /// There is no such resource.
        Resource = "RESOURCE",
        /// Too many requests.
        RateLimit = "RATE_LIMIT",
        /// A circuit breaker is open.
        CircuitBreaker = "CIRCUIT_BREAKER",
        /// Anything else.
        Unknown = "UNKNOWN",
    }
}

named_enum! {
    /// How bad it is.
    pub enum ProblemSeverity {
        /// The caller can mend it.
        Low = "LOW",
        /// The caller may have to wait.
        Medium = "MEDIUM",
        /// The service is impaired.
        High = "HIGH",
        /// The service is down.
        Critical = "CRITICAL",
    }
}

/// Everything an error answer may say. It never holds internals: what is put here is for outsiders.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// The HTTP status.
    pub status: u16,
    /// What is wrong in a few words: `Not Found`.
    pub title: String,
    /// What is wrong with this request, in a sentence.
    pub detail: String,
    /// A word for programs: `VALIDATION_ERROR`.
    pub code: String,
    /// What the caller can do.
    pub suggestion: Option<String>,
    /// What kind of thing went wrong.
    pub category: ProblemCategory,
    /// How bad it is.
    pub severity: ProblemSeverity,
    /// Whether the same request may succeed later.
    pub retryable: bool,
    /// After how many seconds.
    pub retry_after: Option<u64>,
    /// The path that was asked for.
    pub path: Option<String>,
    /// The request's id, as in the logs.
    pub request_id: Option<String>,
    /// When it happened.
    pub timestamp: Option<OffsetDateTime>,
    /// What is wrong with which field.
    pub errors: Vec<FieldError>,
}

/// Where problem types are described.
const TYPE_BASE: &str = "https://api.firefly.com/errors/";

impl Problem {
    /// A problem of a status, with the category, severity and retryability that follow from it.
    #[must_use]
    pub fn new(
        status: u16,
        code: impl Into<String>,
        title: impl Into<String>,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            status,
            title: title.into(),
            detail: detail.into(),
            code: code.into(),
            suggestion: None,
            category: category_of(status),
            severity: severity_of(status),
            retryable: matches!(status, 408 | 425 | 429 | 502 | 503 | 504),
            retry_after: None,
            path: None,
            request_id: None,
            timestamp: None,
            errors: Vec::new(),
        }
    }

    /// The 400 that names every field that is wrong, in the contract's words.
    #[must_use]
    pub fn validation(errors: ValidationErrors) -> Self {
        let mut problem =
            Self::new(400, "VALIDATION_ERROR", "Validation Failed", "Invalid request parameters");
        problem.suggestion = Some("Please check the validation errors and correct your request.".to_owned());
        problem.errors = errors.0;
        problem
    }

    /// The same problem with a hint for the caller.
    #[must_use]
    pub fn suggesting(mut self, suggestion: impl Into<String>) -> Self {
        self.suggestion = Some(suggestion.into());
        self
    }

    /// The same problem with the seconds to wait before trying again.
    #[must_use]
    pub const fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self.retryable = true;
        self
    }

    /// The contract's `ErrorResponse`.
    #[must_use]
    pub fn to_error_response(&self) -> ErrorResponse {
        let details = (!self.errors.is_empty())
            .then(|| "The request failed validation. Check the 'errors' field for details.".to_owned());
        ErrorResponse {
            timestamp: self.timestamp.and_then(instant::to_text),
            status: self.status,
            error: self.title.clone(),
            message: self.detail.clone(),
            code: self.code.clone(),
            path: self.path.clone(),
            request_id: self.request_id.clone(),
            details,
            suggestion: self.suggestion.clone(),
            category: self.category,
            severity: self.severity,
            retryable: self.retryable,
            retry_after: self.retry_after,
            errors: self.errors.iter().map(ErrorItem::from).collect(),
        }
    }

    /// The RFC 9457 problem; what it has no member for is in `extensions`.
    #[must_use]
    pub fn to_problem_details(&self) -> ProblemDetails {
        let errors: Vec<ErrorItem> = self.errors.iter().map(ErrorItem::from).collect();
        let mut extensions = Map::new();
        let mut put = |name: &str, value: Value| {
            if !value.is_null() {
                extensions.insert(name.to_owned(), value);
            }
        };
        put("code", json!(self.code));
        put("category", json!(self.category));
        put("severity", json!(self.severity));
        put("retryable", json!(self.retryable));
        put("retry_after", json!(self.retry_after));
        put("suggestion", json!(self.suggestion));
        put("requestId", json!(self.request_id));
        put("timestamp", json!(self.timestamp.and_then(instant::to_text)));
        if !errors.is_empty() {
            put("errors", json!(errors));
        }
        ProblemDetails {
            r#type: format!("{TYPE_BASE}{}", self.code.to_ascii_lowercase()),
            title: self.title.clone(),
            status: self.status,
            detail: self.detail.clone(),
            instance: self.path.clone(),
            extensions,
        }
    }
}

impl From<ValidationErrors> for Problem {
    fn from(errors: ValidationErrors) -> Self {
        Self::validation(errors)
    }
}

const fn category_of(status: u16) -> ProblemCategory {
    match status {
        401 | 403 => ProblemCategory::Security,
        404 | 405 | 406 | 410 | 415 => ProblemCategory::Resource,
        409 => ProblemCategory::Business,
        429 => ProblemCategory::RateLimit,
        400..=499 => ProblemCategory::Validation,
        502..=504 => ProblemCategory::External,
        500..=599 => ProblemCategory::Technical,
        _ => ProblemCategory::Unknown,
    }
}

const fn severity_of(status: u16) -> ProblemSeverity {
    match status {
        429 => ProblemSeverity::Medium,
        500..=599 => ProblemSeverity::High,
        _ => ProblemSeverity::Low,
    }
}

/// The contract's error body (fireflyframework-web). Absent members are left out.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct ErrorResponse {
    /// When it happened, RFC 3339 UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<String>,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong in a few words.
    pub error: String,
    /// What is wrong with this request.
    pub message: String,
    /// A word for programs.
    pub code: String,
    /// The path that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The request's id, as in the logs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Where to look further.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub details: Option<String>,
    /// What the caller can do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suggestion: Option<String>,
    /// What kind of thing went wrong.
    pub category: ProblemCategory,
    /// How bad it is.
    pub severity: ProblemSeverity,
    /// Whether the same request may succeed later.
    pub retryable: bool,
    /// After how many seconds.
    #[serde(rename = "retry_after", skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
    /// What is wrong with which field.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<ErrorItem>,
}

/// What is wrong with one field.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct ErrorItem {
    /// The field's JSON path.
    pub field: String,
    /// The violated rule.
    pub code: String,
    /// What is wrong.
    pub message: String,
    /// The refused value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<ErrorItemMetadata>,
}

/// The refused value of a field.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct ErrorItemMetadata {
    /// The value, long ones cut.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub rejected_value: Value,
    /// Whether the value's type was wrong.
    pub binding_failure: bool,
}

impl From<&FieldError> for ErrorItem {
    fn from(error: &FieldError) -> Self {
        Self {
            field: error.field.clone(),
            code: error.code.clone(),
            message: error.message.clone(),
            metadata: error.rejected.as_ref().map(|value| ErrorItemMetadata {
                rejected_value: value.clone(),
                binding_failure: error.code == "TypeMismatch",
            }),
        }
    }
}

/// An RFC 9457 problem (`application/problem+json`).
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ProblemDetails {
    /// A URI that names the type of problem.
    pub r#type: String,
    /// What is wrong in a few words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong with this request.
    pub detail: String,
    /// The path that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// Everything else.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub extensions: Map<String, Value>,
}
