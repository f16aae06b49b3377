//! The one function around every handler.

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use http::{HeaderMap, HeaderValue, header};

use crate::metric_names;
use crate::middleware::idempotency;
use crate::problem_body::RequestFacts;
use crate::problem_response::ApiError;
use crate::state::AppState;

/// A body that does not arrive ends at the same deadline; whoever reads it knows that it is the caller's fault.
const READER_SPEAKS_FIRST: Duration = Duration::from_millis(250);

/// Runs a request under the deadline, turns a panic into a 500, gives errors their body and shape, and adds the
/// headers every answer carries.
pub async fn edge(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let facts = RequestFacts::of(&request);
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let mut response = match state.guard.admit(&mut request).await {
        Ok(()) if request.headers().contains_key(idempotency::HEADER) => {
            idempotency::once(&state, &facts, request, next).await
        }
        Ok(()) => answer(&state, &facts, request, next).await,
        Err(error) => render(&facts, error.into_response()),
    };
    secure(response.headers_mut(), facts.path());
    record(&method, route.as_ref(), response.status(), started);
    response
}

/// The headers that keep browsers from doing more with an answer than they should.
fn secure(headers: &mut HeaderMap, path: &str) {
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("frame-ancestors 'none'"));
    if path.starts_with("/api/") {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}

/// The handler's answer, with errors rendered.
pub(super) async fn answer(state: &AppState, facts: &RequestFacts, request: Request, next: Next) -> Response {
    let deadline = state.limits.request_timeout + READER_SPEAKS_FIRST;
    let method = request.method().clone();
    let run = AssertUnwindSafe(next.run(request)).catch_unwind();
    let mut response = match tokio::time::timeout(deadline, run).await {
        Ok(Ok(response)) => response,
        Ok(Err(panic)) => {
            metrics::counter!(metric_names::HTTP_PANICS_TOTAL).increment(1);
            tracing::error!(path = facts.path(), panic = panic_text(panic.as_ref()), "a handler panicked");
            ApiError::Internal.into_response()
        }
        Err(_) => ApiError::Unavailable { retry_after: Duration::from_secs(1) }.into_response(),
    };
    if response.status() == http::StatusCode::METHOD_NOT_ALLOWED
        && response.extensions().get::<ApiError>().is_none()
    {
        response.extensions_mut().insert(ApiError::MethodNotAllowed(method));
    }
    render(facts, response)
}

/// Fills in the body of an answer that stands for an error; others pass.
pub(super) fn render(facts: &RequestFacts, mut response: Response) -> Response {
    let Some(error) = response.extensions_mut().remove::<ApiError>() else {
        return response;
    };
    let (content_type, body) = facts.describe(&error);
    let (mut parts, _) = response.into_parts();
    parts.status = error.classify().status;
    parts.headers.insert(header::CONTENT_TYPE, content_type);
    parts.headers.remove(header::CONTENT_LENGTH);
    if let Some(seconds) = error.retry_after_seconds() {
        parts.headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if let Some(challenge) = error.challenge() {
        parts.headers.insert(header::WWW_AUTHENTICATE, challenge);
    }
    if let ApiError::MethodNotServed { allowed, .. } = &error
        && let Ok(allowed) = HeaderValue::from_str(allowed)
    {
        parts.headers.insert(header::ALLOW, allowed);
    }
    Response::from_parts(parts, Body::from(body))
}

fn record(method: &http::Method, route: Option<&MatchedPath>, status: http::StatusCode, started: Instant) {
    let route = route.map_or("unmatched", MatchedPath::as_str).to_owned();
    // The method is the caller's text: anything unusual is counted under one label, or it could grow without bound.
    let method = match *method {
        http::Method::GET => "GET",
        http::Method::POST => "POST",
        http::Method::PUT => "PUT",
        http::Method::PATCH => "PATCH",
        http::Method::DELETE => "DELETE",
        _ => "OTHER",
    };
    metrics::histogram!(metric_names::HTTP_REQUEST_SECONDS, "method" => method, "route" => route, "status" => class_of(status))
        .record(started.elapsed().as_secs_f64());
}

fn class_of(status: http::StatusCode) -> &'static str {
    match status.as_u16() / 100 {
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        _ => "5xx",
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a value that is no text")
}
