//! Which handler serves which path, and what surrounds them.

use axum::Router;
use axum::body::Bytes;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Redirect};
use axum::routing::get;
use http::{StatusCode, header};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::handlers::{
    actuator, api_keys, audit_log, authorized_domains, callback_configurations, callback_executions,
    deliveries, event_subscriptions, event_types, events, quarantined_messages, replays, svc_infra, tenants,
    well_known,
};
use crate::middleware::edge::edge;
use crate::problem_response::ApiError;
use crate::serving::openapi;
use crate::state::AppState;

/// Every operation, ready to serve.
pub fn router(state: AppState) -> Router {
    let document = Bytes::from(openapi::json());
    let document = get(move || {
        let document = document.clone();
        async move { (StatusCode::OK, [(header::CONTENT_TYPE, "application/json")], document).into_response() }
    });
    let swagger = SwaggerUi::new("/swagger-ui").config(Config::from("/v3/api-docs").validator_url("none"));
    Router::new()
        .merge(api().split_for_parts().0)
        .route("/v3/api-docs", document.clone())
        .route("/openapi.json", document)
        .route("/swagger-ui.html", get(|| async { Redirect::to("/swagger-ui/") }))
        .merge(swagger)
        .fallback(|| async { ApiError::UnknownRoute })
        .layer(DefaultBodyLimit::max(state.limits.body_bytes))
        .layer(from_fn_with_state(state.clone(), edge))
        .with_state(state)
}

/// The documented operations.
pub(super) fn api() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .merge(configuration_routes())
        .merge(domain_routes())
        .merge(subscription_routes())
        .merge(execution_routes())
        .merge(event_routes())
        .merge(event_type_routes())
        .merge(access_routes())
        .merge(svc_infra_routes())
        .merge(actuator_routes())
}

fn configuration_routes() -> OpenApiRouter<AppState> {
    use callback_configurations as configurations;
    OpenApiRouter::new()
        .routes(routes!(configurations::create, configurations::list))
        .routes(routes!(configurations::filter))
        .routes(routes!(
            configurations::get,
            configurations::replace,
            configurations::patch,
            configurations::delete
        ))
        .routes(routes!(configurations::rotate_secret))
        .routes(routes!(configurations::pause))
        .routes(routes!(configurations::resume))
        .routes(routes!(configurations::test))
        .routes(routes!(configurations::statistics))
        .routes(routes!(replays::start, replays::list))
        .routes(routes!(replays::get))
        .routes(routes!(replays::cancel))
}

fn domain_routes() -> OpenApiRouter<AppState> {
    use authorized_domains as domains;
    OpenApiRouter::new()
        .routes(routes!(domains::create, domains::list))
        .routes(routes!(domains::filter))
        .routes(routes!(domains::get, domains::replace, domains::patch, domains::delete))
        .routes(routes!(domains::verify))
}

fn subscription_routes() -> OpenApiRouter<AppState> {
    use event_subscriptions as subscriptions;
    OpenApiRouter::new()
        .routes(routes!(subscriptions::create, subscriptions::list))
        .routes(routes!(subscriptions::filter))
        .routes(routes!(
            subscriptions::get,
            subscriptions::replace,
            subscriptions::patch,
            subscriptions::delete
        ))
        .routes(routes!(subscriptions::activate))
        .routes(routes!(subscriptions::deactivate))
        .routes(routes!(subscriptions::status))
        .routes(routes!(quarantined_messages::list))
        .routes(routes!(quarantined_messages::get))
        .routes(routes!(quarantined_messages::replay))
        .routes(routes!(quarantined_messages::discard))
}

fn execution_routes() -> OpenApiRouter<AppState> {
    use callback_executions as executions;
    OpenApiRouter::new()
        .routes(routes!(executions::list))
        .routes(routes!(executions::by_configuration))
        .routes(routes!(executions::by_status))
        .routes(routes!(executions::pending_retries))
        .routes(routes!(executions::recent))
        .routes(routes!(executions::filter))
        .routes(routes!(executions::get))
        .routes(routes!(executions::replay))
}

fn event_routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(events::publish, events::search))
        .routes(routes!(events::publish_batch))
        .routes(routes!(events::explain))
        .routes(routes!(events::get))
        .routes(routes!(events::replay))
        .routes(routes!(deliveries::list))
        .routes(routes!(deliveries::get))
        .routes(routes!(deliveries::retry))
        .routes(routes!(deliveries::cancel))
}

fn event_type_routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(event_types::create, event_types::list))
        .routes(routes!(event_types::filter))
        .routes(routes!(event_types::enforcement, event_types::set_enforcement))
        .routes(routes!(event_types::get, event_types::replace, event_types::patch, event_types::delete))
        .routes(routes!(event_types::schema))
}

fn access_routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(tenants::create, tenants::list))
        .routes(routes!(tenants::get, tenants::patch, tenants::delete))
        .routes(routes!(api_keys::create, api_keys::list))
        .routes(routes!(api_keys::get, api_keys::revoke))
        .routes(routes!(audit_log::list))
}

fn svc_infra_routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(svc_infra::subscribe)).routes(routes!(svc_infra::test_fire))
}

fn actuator_routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(actuator::health))
        .routes(routes!(actuator::liveness))
        .routes(routes!(actuator::readiness))
        .routes(routes!(actuator::info))
        .routes(routes!(actuator::metric_names))
        .routes(routes!(actuator::metric))
        .routes(routes!(actuator::prometheus))
        .routes(routes!(actuator::metrics_alias))
        .routes(routes!(well_known::jwks))
}
