//! The OpenAPI document: collected from the handlers, completed with what holds for every operation.

use callbacks_interfaces::problem::{ErrorResponse, ProblemDetails};
use utoipa::OpenApi as _;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{ContentBuilder, OpenApi, Ref, RefOr, Required, Response, ResponseBuilder};

use crate::serving::router::api;

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Callbacks",
        description = "Turns domain events into reliable, signed outbound webhooks for many tenants.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    tags(
        (name = "Events", description = "Events in, and what became of them"),
        (name = "Callback Configurations", description = "Endpoints of tenants: where callbacks go, which, signed how, retried when"),
        (name = "Authorized Domains", description = "Hosts a tenant may send callbacks to"),
        (name = "Event Subscriptions", description = "Broker topics that feed events in"),
        (name = "Quarantined Messages", description = "Broker messages that were no events"),
        (name = "Event Types", description = "The catalogue of what a tenant's producers send"),
        (name = "Callback Executions", description = "Every attempt of every delivery"),
        (name = "Deliveries", description = "Deliveries under way or waiting"),
        (name = "Tenants", description = "Who the service works for"),
        (name = "API Keys", description = "Who may do what"),
        (name = "Audit Log", description = "Every change made over the API"),
        (name = "Actuator", description = "Health, build and metrics"),
    ),
    components(schemas(ErrorResponse, ProblemDetails))
)]
struct Base;

/// Name of the credential in the document. Beside it stands the empty requirement: authentication is a setting.
const API_KEY: &str = "apiKey";

/// The document that describes every operation.
#[must_use]
pub fn openapi() -> OpenApi {
    let mut document = Base::openapi();
    document.merge(api().into_openapi());
    let api_paths = document.paths.paths.iter_mut().filter(|(path, _)| path.starts_with("/api/"));
    for (path, item) in api_paths {
        complete_item(path, item);
    }
    let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("An API key")).build();
    document.components.get_or_insert_default().add_security_scheme(API_KEY, SecurityScheme::Http(scheme));
    document.security =
        Some(vec![SecurityRequirement::new::<_, _, &str>(API_KEY, []), SecurityRequirement::default()]);
    document
}

/// The document as pretty JSON with a final line break: the text of `openapi/callbacks.v1.json`.
#[must_use]
pub fn json() -> String {
    let mut text = openapi().to_pretty_json().unwrap_or_default();
    text.push('\n');
    text
}

fn complete_item(path: &str, item: &mut PathItem) {
    let reads = [&mut item.get].into_iter().flatten().map(|operation| (false, operation));
    let writes = [&mut item.post, &mut item.put, &mut item.patch, &mut item.delete];
    let writes = writes.into_iter().flatten().map(|operation| (true, operation));
    for (takes_body, operation) in reads.chain(writes) {
        complete(path, takes_body && operation.request_body.is_some(), operation);
    }
}

/// Adds what every operation has: the idempotency header, and the errors it can answer with.
fn complete(path: &str, takes_body: bool, operation: &mut Operation) {
    operation.parameters.get_or_insert_default().push(RefOr::T(idempotency_key()));
    let mut statuses = vec![
        ("400", "A field, a parameter or the body is not acceptable"),
        ("401", "No valid API key, where one is required"),
        ("403", "The role or the tenant of the API key does not allow this"),
        ("429", "Too many requests with this credential; see Retry-After"),
        ("500", "A fault of the service"),
        ("503", "The database is away, or the service is overloaded; see Retry-After"),
    ];
    if path.contains('{') {
        statuses.push(("404", "Not found"));
    }
    if takes_body {
        statuses.push(("413", "The body exceeds 1 MiB"));
        statuses.push(("415", "The content type is not supported"));
    }
    statuses.push(("422", "The X-Idempotency-Key was used with another request"));
    for (status, description) in statuses {
        operation.responses.responses.insert(status.to_owned(), RefOr::T(error_response(description)));
    }
    if let Some(RefOr::T(conflict)) = operation.responses.responses.get_mut("409") {
        *conflict = error_response(&conflict.description.clone());
    }
}

fn idempotency_key() -> Parameter {
    ParameterBuilder::new()
        .name("X-Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(
            "The same write with the same key is done once; its answer is replayed for 24 hours.",
        ))
        .schema(Some(ObjectBuilder::new().schema_type(Type::String).max_length(Some(255))))
        .build()
}

fn error_response(description: &str) -> Response {
    let body = |name: &str| ContentBuilder::new().schema(Some(Ref::from_schema_name(name))).build();
    ResponseBuilder::new()
        .description(description)
        .content("application/json", body("ErrorResponse"))
        .content("application/problem+json", body("ProblemDetails"))
        .build()
}
