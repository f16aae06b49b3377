//! `X-Idempotency-Key`: the same write, asked twice, is done once and answered twice.
//!
//! The key is scoped by tenant, method and path; query and body are compared by hash. The answer is kept for 24 h.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use callbacks_core::management::idempotency::{self, Claim, IdempotentRequest, StoredAnswer};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use sha2::{Digest, Sha256};

use crate::extract::caller::Caller;
use crate::extract::json_object::read_body;
use crate::metric_names;
use crate::middleware::edge::{answer, render};
use crate::problem_body::RequestFacts;
use crate::problem_response::ApiError;
use crate::state::AppState;

/// The header that asks for it.
pub const HEADER: HeaderName = HeaderName::from_static("x-idempotency-key");
/// Longest key, in characters.
const KEY_MAX: usize = 255;
/// Answers longer than this are not kept (bytes).
const ANSWER_MAX: usize = 4 << 20;
/// How often a duplicate looks whether the first request has finished.
const POLL_EVERY: Duration = Duration::from_millis(25);
/// Headers of an answer that belong to it and are replayed.
const KEPT_HEADERS: [HeaderName; 4] = [header::CONTENT_TYPE, header::LOCATION, header::LINK, header::ALLOW];

/// What is kept instead of the body, for an answer that shows a secret once.
#[derive(Debug, Clone)]
pub struct KeptBody(pub Bytes);

/// Answers the request, at most once per key.
pub(super) async fn once(state: &AppState, facts: &RequestFacts, request: Request, next: Next) -> Response {
    match answer_once(state, facts, request, next).await {
        Ok(response) => response,
        Err(error) => render(facts, error.into_response()),
    }
}

async fn answer_once(
    state: &AppState,
    facts: &RequestFacts,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let key = key_of(request.headers())?;
    if !matches!(*request.method(), Method::POST | Method::PUT | Method::PATCH | Method::DELETE) {
        return Ok(answer(state, facts, request, next).await);
    }
    let (parts, body) = request.into_parts();
    let body = read_body(Request::new(body), &state.limits).await?;
    let asked = IdempotentRequest {
        tenant: parts.extensions.get::<Caller>().map(Caller::tenant_key).unwrap_or_default(),
        method: parts.method.as_str().to_owned(),
        path: facts.path().to_owned(),
        key,
        body_hash: hash(facts.query(), &body),
    };
    if let Some(stored) = claim(state, &asked).await? {
        metrics::counter!(metric_names::HTTP_IDEMPOTENT_REPLAYS_TOTAL).increment(1);
        return Ok(replayed(&stored));
    }
    let claim = HeldClaim { state, asked: Some(asked) };
    let response = answer(state, facts, Request::from_parts(parts, Body::from(body)), next).await;
    claim.keep(response).await
}

/// A printable key, or the reason it is none.
fn key_of(headers: &HeaderMap) -> Result<String, ApiError> {
    let mut values = headers.get_all(&HEADER).iter();
    let key = values.next().and_then(|value| value.to_str().ok()).map(str::trim).unwrap_or_default();
    if key.is_empty() || key.len() > KEY_MAX || values.next().is_some() {
        return Err(ApiError::IdempotencyKeyInvalid);
    }
    Ok(key.to_owned())
}

fn hash(query: &str, body: &[u8]) -> [u8; 32] {
    let mut digest = Sha256::new();
    digest.update(query.as_bytes());
    digest.update([0]);
    digest.update(body);
    digest.finalize().into()
}

/// Claims the key, waiting for a first request that is still running. `Some` is the answer to replay.
async fn claim(state: &AppState, asked: &IdempotentRequest) -> Result<Option<StoredAnswer>, ApiError> {
    let deadline = tokio::time::Instant::now() + state.limits.request_timeout;
    loop {
        match idempotency::claim(&state.management, asked).await? {
            Claim::First => return Ok(None),
            Claim::Finished(stored) => return Ok(Some(stored)),
            Claim::Different => return Err(ApiError::IdempotencyKeyReused),
            Claim::Running if tokio::time::Instant::now() >= deadline => {
                return Err(ApiError::IdempotencyKeyBusy);
            }
            Claim::Running => tokio::time::sleep(POLL_EVERY).await,
        }
    }
}

/// The right to run the request. Dropped without an answer (the client went away, a panic), it gives the key back.
struct HeldClaim<'a> {
    state: &'a AppState,
    asked: Option<IdempotentRequest>,
}

impl HeldClaim<'_> {
    async fn keep(mut self, response: Response) -> Result<Response, ApiError> {
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, ANSWER_MAX).await.map_err(|_| ApiError::Internal)?;
        if let Some(asked) = &self.asked
            && worth_keeping(parts.status)
        {
            let kept = parts.extensions.get::<KeptBody>().map_or(&body, |kept| &kept.0);
            let stored = StoredAnswer {
                status: parts.status.as_u16(),
                headers: kept_headers(&parts.headers),
                body: kept.to_vec(),
            };
            // A failure to keep the answer must not hide that the write was done; the key then stays claimed until it
            // is considered abandoned, and no second run can slip in before.
            if let Err(error) = idempotency::finish(&self.state.management, asked, &stored).await {
                tracing::warn!(%error, path = asked.path, "the answer to an idempotent request could not be kept");
            }
            self.asked = None;
        }
        Ok(Response::from_parts(parts, Body::from(body)))
    }
}

impl Drop for HeldClaim<'_> {
    fn drop(&mut self) {
        let Some(asked) = self.asked.take() else { return };
        let management = self.state.management.clone();
        self.state.background.spawn(async move {
            if let Err(error) = idempotency::release(&management, &asked).await {
                tracing::warn!(%error, path = asked.path, "an idempotency key could not be given back");
            }
        });
    }
}

/// Answers that say "not now" are not kept: the repeat is meant to be tried again.
fn worth_keeping(status: StatusCode) -> bool {
    !status.is_server_error()
        && !matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS)
}

fn kept_headers(headers: &HeaderMap) -> Vec<(String, String)> {
    KEPT_HEADERS
        .iter()
        .filter_map(|name| Some((name.as_str().to_owned(), headers.get(name)?.to_str().ok()?.to_owned())))
        .collect()
}

fn replayed(stored: &StoredAnswer) -> Response {
    let mut response = Body::from(stored.body.clone()).into_response();
    *response.status_mut() = StatusCode::from_u16(stored.status).unwrap_or(StatusCode::OK);
    response.headers_mut().clear();
    for (name, value) in &stored.headers {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
