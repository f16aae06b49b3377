//! The bodies of errors: ErrorResponse of the Firefly contract and problem+json of RFC 9457, from the same facts.

use axum::extract::Request;
use callbacks_core::clock::{Clock, SystemClock};
use callbacks_interfaces::problem::Problem;
use http::{HeaderValue, Uri, header};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::accept::ErrorShape;
use crate::problem_response::ApiError;

/// A caller's `X-Request-Id` longer than this is replaced by one of ours.
const REQUEST_ID_MAX: usize = 128;
/// Members of `extensions` that a problem also carries at its top, where RFC 9457 puts extension members.
const RAISED: [&str; 4] = ["code", "errors", "suggestion", "timestamp"];

/// What must be remembered of a request to describe an error about it. Cheap to take: only reference counts move.
#[derive(Debug, Clone)]
pub struct RequestFacts {
    accept: Option<HeaderValue>,
    request_id: Option<HeaderValue>,
    uri: Uri,
}

impl RequestFacts {
    /// Takes the facts of a request.
    #[must_use]
    pub fn of(request: &Request) -> Self {
        Self {
            accept: request.headers().get(header::ACCEPT).cloned(),
            request_id: request.headers().get("x-request-id").cloned(),
            uri: request.uri().clone(),
        }
    }

    /// Path of the request, without query.
    #[must_use]
    pub fn path(&self) -> &str {
        self.uri.path()
    }

    /// Query of the request, empty if there is none.
    #[must_use]
    pub fn query(&self) -> &str {
        self.uri.query().unwrap_or_default()
    }

    /// Content type and body of the answer to `error`.
    #[must_use]
    pub fn describe(&self, error: &ApiError) -> (HeaderValue, Vec<u8>) {
        let shape = ErrorShape::wanted(self.accept.as_ref());
        let problem = self.problem(error);
        let body = match shape {
            ErrorShape::ErrorResponse => json!(problem.to_error_response()),
            ErrorShape::Problem => self.raised(json!(problem.to_problem_details())),
        };
        (shape.content_type(), body.to_string().into_bytes())
    }

    fn problem(&self, error: &ApiError) -> Problem {
        let classified = error.classify();
        Problem {
            suggestion: Some(classified.suggestion.to_owned()),
            category: classified.category,
            severity: classified.severity,
            retryable: classified.retryable,
            retry_after: error.retry_after_seconds(),
            path: Some(self.path().to_owned()),
            request_id: Some(self.request_id()),
            timestamp: Some(SystemClock.now()),
            errors: error.fields().to_vec(),
            ..Problem::new(classified.status.as_u16(), classified.code, classified.title, error.to_string())
        }
    }

    fn raised(&self, mut problem: Value) -> Value {
        let extensions = problem.get("extensions").cloned().unwrap_or_default();
        let raised =
            RAISED.iter().filter_map(|name| Some(((*name).to_owned(), extensions.get(name)?.clone())));
        if let Some(members) = problem.as_object_mut() {
            members.extend(raised.filter(|(_, member)| !member.is_null()));
            members.insert("path".to_owned(), self.path().into());
        }
        problem
    }

    fn request_id(&self) -> String {
        self.request_id
            .as_ref()
            .and_then(|value| value.to_str().ok())
            .filter(|text| !text.trim().is_empty() && text.len() <= REQUEST_ID_MAX)
            .map_or_else(|| Uuid::new_v4().to_string(), str::to_owned)
    }
}
