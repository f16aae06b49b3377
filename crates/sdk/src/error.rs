//! Why a call to the service brought no answer one could use.

use std::fmt;

use serde::Deserialize;

/// A call that failed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The base URL is none, or the API key cannot stand in a header.
    #[error("{0}")]
    Misconfigured(String),
    /// Nothing answered, or not in time.
    #[error("the service at {url} cannot be reached")]
    Unreachable {
        /// Where it was looked for.
        url: String,
        /// What happened.
        #[source]
        source: reqwest::Error,
    },
    /// The service answered with an error.
    #[error(transparent)]
    Refused(Box<Refusal>),
    /// The answer is not what the API promises; perhaps something else listens there.
    #[error("the answer of {url} (HTTP {status}) is not one of this service: {reason}")]
    Unreadable {
        /// Where it came from.
        url: String,
        /// Its HTTP status.
        status: u16,
        /// What is wrong with it.
        reason: String,
    },
    /// What was to be sent is no JSON.
    #[error("the request body cannot be written as JSON")]
    Body(#[from] serde_json::Error),
}

impl ClientError {
    /// The HTTP status the service refused with.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Refused(refusal) => Some(refusal.status),
            Self::Unreadable { status, .. } => Some(*status),
            Self::Misconfigured(_) | Self::Unreachable { .. } | Self::Body(_) => None,
        }
    }

    /// Whether there is no such thing (404).
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.status() == Some(404)
    }
}

/// An error answer of the service (the contract's `ErrorResponse`).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, thiserror::Error)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// What is wrong, in a sentence.
    pub message: String,
    /// A word for programs: `VALIDATION_ERROR`.
    pub code: String,
    /// What the caller can do.
    pub suggestion: Option<String>,
    /// Seconds after which the same request may succeed.
    pub retry_after: Option<u64>,
    /// What is wrong with which field.
    #[serde(default)]
    pub errors: Vec<RefusedField>,
    /// The request's id, as in the service's logs.
    #[serde(rename = "requestId")]
    pub request_id: Option<String>,
}

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RefusedField {
    /// Its JSON path.
    pub field: String,
    /// The violated rule.
    pub code: String,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HTTP {} {}: {}", self.status, self.code, self.message)?;
        for error in &self.errors {
            write!(f, "; {}: {}", error.field, error.message)?;
        }
        match &self.suggestion {
            Some(suggestion) if self.errors.is_empty() => write!(f, " ({suggestion})"),
            _ => Ok(()),
        }
    }
}
