//! `/actuator`: how the process is doing, for probes, people and Prometheus.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use callbacks_core::management::health;
use http::{StatusCode, header};
use serde_json::{Value, json};

use crate::exposition;
use crate::extract::path_id::PathText;
use crate::extract::query_parameters::QueryParameters;
use crate::problem_response::ApiError;
use crate::state::AppState;

const TAG: &str = "Actuator";
/// Content type of the Prometheus text format.
const PROMETHEUS_TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Health with its components
#[utoipa::path(get, path = "/actuator/health", tag = TAG, operation_id = "health",
    responses((status = 200, description = "UP", body = Value), (status = 503, description = "DOWN", body = Value)))]
pub(crate) async fn health(State(app): State<AppState>) -> Response {
    let report = health::report(&app.management).await;
    let up = report.is_up() && !app.is_draining();
    let body = json!({
        "status": word(up),
        "groups": ["liveness", "readiness"],
        "components": report.components,
    });
    (code(up), Json(body)).into_response()
}

/// Whether the process should be kept
#[utoipa::path(get, path = "/actuator/health/liveness", tag = TAG, operation_id = "liveness",
    responses((status = 200, description = "UP", body = Value)))]
pub(crate) async fn liveness() -> Json<Value> {
    Json(json!({"status": "UP"}))
}

/// Whether requests should be sent here
#[utoipa::path(get, path = "/actuator/health/readiness", tag = TAG, operation_id = "readiness",
    responses((status = 200, description = "UP", body = Value), (status = 503, description = "DOWN or OUT_OF_SERVICE", body = Value)))]
pub(crate) async fn readiness(State(app): State<AppState>) -> Response {
    if app.is_draining() {
        return (StatusCode::SERVICE_UNAVAILABLE, Json(json!({"status": "OUT_OF_SERVICE"}))).into_response();
    }
    let ready = health::ready(&app.management).await;
    (code(ready), Json(json!({"status": word(ready)}))).into_response()
}

/// Which build this is
#[utoipa::path(get, path = "/actuator/info", tag = TAG, operation_id = "info",
    responses((status = 200, description = "Build", body = Value)))]
pub(crate) async fn info(State(app): State<AppState>) -> Json<Value> {
    Json(json!({"app": {"name": app.build.name}, "build": app.build}))
}

/// Names of the metrics
#[utoipa::path(get, path = "/actuator/metrics", tag = TAG, operation_id = "metricNames",
    responses((status = 200, description = "Names", body = Value)))]
pub(crate) async fn metric_names(State(app): State<AppState>) -> Json<Value> {
    Json(json!({"names": exposition::names(&(app.metrics)())}))
}

/// One metric
#[utoipa::path(get, path = "/actuator/metrics/{name}", tag = TAG, operation_id = "metric",
    params(("name" = String, Path), ("tag" = Option<Vec<String>>, Query, description = "KEY:VALUE, repeatable")),
    responses((status = 200, description = "Values", body = Value), (status = 404, description = "No such metric")))]
pub(crate) async fn metric(
    State(app): State<AppState>,
    PathText(name): PathText,
    query: QueryParameters,
) -> Result<Response, ApiError> {
    let tags = query
        .iter()
        .filter(|(key, _)| *key == "tag")
        .map(|(_, text)| tag(text))
        .collect::<Result<Vec<_>, _>>()?;
    let report = exposition::report(&(app.metrics)(), &name, &tags);
    report.map(|report| Json(report).into_response()).ok_or(ApiError::NotFound { what: "Metric", id: name })
}

/// Metrics for Prometheus
#[utoipa::path(get, path = "/actuator/prometheus", tag = TAG, operation_id = "prometheus",
    responses((status = 200, description = "Prometheus text", body = String, content_type = "text/plain")))]
pub(crate) async fn prometheus(State(app): State<AppState>) -> Response {
    exposition_text(&app)
}

/// Metrics for Prometheus, under the usual path
#[utoipa::path(get, path = "/metrics", tag = TAG, operation_id = "metrics",
    responses((status = 200, description = "Prometheus text", body = String, content_type = "text/plain")))]
pub(crate) async fn metrics_alias(State(app): State<AppState>) -> Response {
    exposition_text(&app)
}

fn exposition_text(app: &AppState) -> Response {
    ([(header::CONTENT_TYPE, PROMETHEUS_TEXT)], (app.metrics)()).into_response()
}

fn tag(text: &str) -> Result<(String, String), ApiError> {
    text.split_once(':')
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .ok_or_else(|| ApiError::parameter("tag", "Pattern", "tag must have the form KEY:VALUE", Some(text)))
}

fn word(up: bool) -> &'static str {
    if up { "UP" } else { "DOWN" }
}

fn code(up: bool) -> StatusCode {
    if up { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}
