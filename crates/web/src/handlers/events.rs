//! `/api/v1/events`: the way in. `publish` is the hottest path of the service: one read, one parse, one call, one answer.

use std::time::Instant;

use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use callbacks_core::hop_count::HOPS_HEADER;
use callbacks_core::management::event_waiting::accept_and_wait;
use callbacks_core::management::events::{self as intake, EventSearch, Replayed};
use callbacks_interfaces::event::{EventAccepted, EventView};
use callbacks_interfaces::event_explanation::EventExplanation;
use callbacks_interfaces::event_result::EventResult;
use callbacks_interfaces::event_submission::EventSubmission;
use callbacks_interfaces::gate_answer::GateAnswer;
use callbacks_interfaces::instant;
use http::{HeaderMap, StatusCode, Uri};
use serde::Serialize;

use crate::extract::caller::Caller;
use crate::extract::desk::Desk;
use crate::extract::json_object::read_body;
use crate::extract::media_type::{MediaType, unsupported};
use crate::extract::path_id::PathText;
use crate::extract::publish_options::{PublishMode, longest_wait};
use crate::extract::query_parameters::QueryParameters;
use crate::handlers::answer::linked;
use crate::handlers::cloud_events;
use crate::handlers::listing::{next_link, position};
use crate::problem_response::ApiError;
use crate::serving::schemas::EventBody;
use crate::state::AppState;

const TAG: &str = "Events";

/// What [`publish`] answers a producer who waits.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(untagged)]
enum PublishAnswer {
    /// What became of the event.
    Result(EventResult),
    /// What the gates decided about it.
    Gates(GateAnswer),
}

/// Send an event
///
/// Answered after the commit that makes it durable. CloudEvents 1.0 are read in structured, batch and binary mode.
///
/// With `wait=PT5S` (or `5s`, `1m`; at most 25 s) the answer comes when every delivery was attempted, or after that time, and
/// says what they came to: 200 when nothing is left to do, else 202.
///
/// With `phase=before` nothing is stored: the event is put before the configurations with `phase` BEFORE that want it, and
/// the answer (200) says whether it may happen.
#[utoipa::path(post, path = "/api/v1/events", tag = TAG, operation_id = "publishEvent",
    request_body(content((EventBody = "application/json"), (serde_json::Value = "application/cloudevents+json"),
        (Vec<serde_json::Value> = "application/cloudevents-batch+json"))),
    params(("phase" = Option<String>, Query, description = "`before`: ask the gates and store nothing; `after` (default)"),
        ("wait" = Option<String>, Query, description = "How long to wait for the first attempts"),
        ("X-Callbacks-Hops" = Option<String>, Header, description = "As the delivery carried it, for what is published because of one")),
    responses((status = 202, description = "Accepted; with `wait`, an EventResult with `pending` deliveries", body = EventAccepted),
        (status = 200, description = "What became of it (`wait`: EventResult), or what the gates decided (`phase=before`: GateAnswer)",
            body = PublishAnswer)))]
pub(crate) async fn publish(
    State(app): State<AppState>,
    caller: Caller,
    request: Request,
) -> Result<Response, ApiError> {
    let began = Instant::now();
    let longest = longest_wait(app.limits.request_timeout);
    let mode = PublishMode::of(request.uri().query(), longest)?;
    let media = MediaType::of(request.headers())?;
    let hops = carried_hops(request.headers())?;
    let mut submission = match media {
        MediaType::CloudEventBatch => return publish_batch(State(app), caller, request).await,
        MediaType::Other => return Err(unsupported(request.headers())),
        MediaType::Json if cloud_events::is_binary(request.headers()) => {
            let headers = request.headers().clone();
            cloud_events::binary(&headers, &read_body(request, &app.limits).await?)?
        }
        MediaType::Json => submission(&read_body(request, &app.limits).await?)?,
        MediaType::CloudEvent => cloud_events::structured(&read_body(request, &app.limits).await?)?,
    };
    submission.carry(HOPS_HEADER, hops.as_deref());
    match mode {
        PublishMode::Happened => {
            let accepted = intake::accept_one(&app.management, &caller.scope, submission).await?;
            Ok((StatusCode::ACCEPTED, Json(accepted)).into_response())
        }
        PublishMode::Waiting(wait) => {
            let patience = wait.min(longest.saturating_sub(began.elapsed()));
            let result = accept_and_wait(&app.management, &caller.scope, submission, patience).await?;
            let status = if result.pending == 0 { StatusCode::OK } else { StatusCode::ACCEPTED };
            Ok((status, Json(PublishAnswer::Result(result))).into_response())
        }
        PublishMode::AboutToHappen => {
            let patience = longest.saturating_sub(began.elapsed());
            let answer = intake::ask_gates(&app.management, &caller.scope, submission, patience).await?;
            Ok(Json(PublishAnswer::Gates(answer)).into_response())
        }
    }
}

/// Send a batch of events
///
/// 1 to 1,000 events of one tenant; stored all or none. Broken ones are reported under their index.
#[utoipa::path(post, path = "/api/v1/events/batch", tag = TAG, operation_id = "publishEvents",
    request_body(content((Vec<EventBody> = "application/json"), (Vec<serde_json::Value> = "application/cloudevents-batch+json"))),
    params(("X-Callbacks-Hops" = Option<String>, Header, description = "As the delivery carried it, for what is published because of one")),
    responses((status = 202, description = "Accepted, one answer an event in the same order", body = Vec<EventAccepted>)))]
pub(crate) async fn publish_batch(
    State(app): State<AppState>,
    caller: Caller,
    request: Request,
) -> Result<Response, ApiError> {
    PublishMode::of_batch(request.uri().query(), longest_wait(app.limits.request_timeout))?;
    let media = MediaType::of(request.headers())?;
    let batch: fn(&[u8]) -> Result<Vec<EventSubmission>, ApiError> = match media {
        MediaType::Json => |body| EventSubmission::parse_batch(body).map_err(ApiError::from),
        MediaType::CloudEventBatch => cloud_events::batch,
        MediaType::CloudEvent | MediaType::Other => return Err(unsupported(request.headers())),
    };
    let hops = carried_hops(request.headers())?;
    let mut submissions = batch(&read_body(request, &app.limits).await?)?;
    submissions.iter_mut().for_each(|submission| submission.carry(HOPS_HEADER, hops.as_deref()));
    let accepted = intake::accept_batch(&app.management, &caller.scope, submissions).await?;
    Ok((StatusCode::ACCEPTED, Json(accepted)).into_response())
}

/// Explain where an event would go
///
/// Nothing is stored or sent.
#[utoipa::path(post, path = "/api/v1/events/explain", tag = TAG, operation_id = "explainEvent",
    request_body = EventBody,
    responses((status = 200, description = "Each configuration of the tenant, and why it would get the event or not", body = EventExplanation)))]
pub(crate) async fn explain(
    State(app): State<AppState>,
    caller: Caller,
    request: Request,
) -> Result<Json<EventExplanation>, ApiError> {
    MediaType::require_json(request.headers())?;
    let submission = submission(&read_body(request, &app.limits).await?)?;
    Ok(Json(intake::explain(&app.management, &caller.scope, &submission)?))
}

/// Search events
///
/// Newest first; `Link: rel="next"` leads on.
#[utoipa::path(get, path = "/api/v1/events", tag = TAG, operation_id = "searchEvents",
    params(("type" = Option<String>, Query), ("tenantId" = Option<String>, Query), ("eventId" = Option<String>, Query),
        ("source" = Option<String>, Query), ("from" = Option<String>, Query), ("to" = Option<String>, Query),
        ("cursor" = Option<String>, Query), ("limit" = Option<i32>, Query)),
    responses((status = 200, description = "Events without their payloads", body = Vec<EventView>)))]
pub(crate) async fn search(
    State(app): State<AppState>,
    caller: Caller,
    uri: Uri,
    query: QueryParameters,
) -> Result<Response, ApiError> {
    let position = position(&query, intake::MAX_ROWS)?;
    let page = intake::search(&app.management, &caller.scope, &search_of(&query)?, position).await?;
    let next = page.next.map(|cursor| next_link(&uri, &cursor.to_string()));
    Ok(linked(&page.rows, next.as_deref()))
}

/// Get event with its deliveries
///
/// `id` is the producer's id or the service's.
#[utoipa::path(get, path = "/api/v1/events/{id}", tag = TAG, operation_id = "getEvent",
    params(("id" = String, Path)),
    responses((status = 200, description = "The event", body = EventView)))]
pub(crate) async fn get(
    State(app): State<AppState>,
    caller: Caller,
    PathText(id): PathText,
) -> Result<Json<EventView>, ApiError> {
    Ok(Json(intake::get(&app.management, &caller.scope, &id).await?))
}

/// Deliver an event again
///
/// To every configuration it matched when it was accepted, with a fresh set of attempts.
#[utoipa::path(post, path = "/api/v1/events/{id}/replay", tag = TAG, operation_id = "replayEvent",
    params(("id" = String, Path)),
    responses((status = 202, description = "Queued", body = serde_json::Value)))]
pub(crate) async fn replay(
    Desk(desk): Desk,
    caller: Caller,
    PathText(id): PathText,
) -> Result<(StatusCode, Json<Replayed>), ApiError> {
    Ok((StatusCode::ACCEPTED, Json(intake::replay(&desk, &caller.scope, &id).await?)))
}

/// How often what is published was passed on, as the request says.
fn carried_hops(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let Some(value) = headers.get(HOPS_HEADER) else { return Ok(None) };
    let text = value.to_str().map_err(|_| {
        let message = format!("{HOPS_HEADER} must be the whole number that the delivery carried");
        ApiError::parameter(HOPS_HEADER, "TypeMismatch", message, None)
    })?;
    Ok(Some(text.to_owned()))
}

fn submission(body: &[u8]) -> Result<EventSubmission, ApiError> {
    EventSubmission::parse(body).map_err(ApiError::from)
}

fn search_of(query: &QueryParameters) -> Result<EventSearch, ApiError> {
    for (name, value) in query.iter() {
        if !["type", "tenantId", "eventId", "source", "from", "to", "cursor", "limit"].contains(&name) {
            return Err(ApiError::parameter(
                name,
                "Unknown",
                format!("Unknown query parameter '{name}'"),
                Some(value),
            ));
        }
    }
    let time = |name: &str| match query.get(name) {
        None => Ok(None),
        Some(text) => instant::from_text(text).map(Some).ok_or_else(|| {
            ApiError::parameter(
                name,
                "TypeMismatch",
                format!("{name} must be an ISO-8601 instant"),
                Some(text),
            )
        }),
    };
    Ok(EventSearch {
        tenant: query.parsed("tenantId", "a tenant id of 1 to 100 characters")?,
        event_type: query.get("type").map(str::to_owned),
        event_id: query.get("eventId").map(str::to_owned),
        source: query.get("source").map(str::to_owned),
        from: time("from")?,
        to: time("to")?,
    })
}
