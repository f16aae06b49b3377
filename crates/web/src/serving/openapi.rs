//! The OpenAPI document: collected from the handlers, completed with what holds for every operation.

use callbacks_interfaces::problem::{ErrorResponse, ProblemDetails};
use http::Method;
use utoipa::OpenApi as _;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{ContentBuilder, OpenApi, Ref, RefOr, Required, Response, ResponseBuilder};

use crate::auth::route_table::{Door, door};
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
        (name = "svc-infra", description = "Routes of svc-infra, for clients that come from there"),
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
    for (path, item) in &mut document.paths.paths {
        if path.starts_with("/api/") || path.starts_with("/_webhooks/") {
            complete_item(path, item);
        } else {
            complete_page(path, item);
        }
    }
    let scheme = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("An API key, or a token of the identity provider, as security.authentication says"))
        .build();
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
    for (is_write, operation) in reads.chain(writes) {
        complete(path, is_write, operation);
    }
}

/// Pages beside the API are for operators, or for everybody.
fn complete_page(path: &str, item: &mut PathItem) {
    let Some(operation) = &mut item.get else { return };
    if door(&Method::GET, path) == Door::Open {
        operation.security = Some(vec![SecurityRequirement::default()]);
        return;
    }
    let refused = operation.parameters.is_some().then_some(("400", "A parameter is not acceptable"));
    for (status, description) in AT_THE_DOOR.into_iter().chain(refused) {
        operation.responses.responses.insert(status.to_owned(), RefOr::T(error_response(description)));
    }
}

/// What the door may answer.
const AT_THE_DOOR: [(&str, &str); 4] = [
    ("401", "No valid credential, where one is required"),
    ("403", "The role or the tenant of the credential does not allow this"),
    ("429", "Too many requests with this credential; see Retry-After"),
    ("503", "The database or the identity provider is away, or the service is overloaded; see Retry-After"),
];

/// Adds what every operation has: the idempotency header, and the errors it can answer with.
fn complete(path: &str, is_write: bool, operation: &mut Operation) {
    let takes_body = is_write && operation.request_body.is_some();
    // On reads too, as in the contract; there it does nothing.
    operation.parameters.get_or_insert_default().push(RefOr::T(idempotency_key()));
    let mut statuses = vec![
        ("400", "A field, a parameter or the body is not acceptable"),
        ("500", "A fault of the service"),
    ];
    statuses.extend(AT_THE_DOOR);
    if path.contains('{') {
        statuses.push(("404", "Not found"));
    }
    if takes_body {
        statuses.push(("408", "The body did not arrive in time"));
        statuses.push(("413", "The body exceeds 1 MiB"));
        statuses.push(("415", "The content type is not supported"));
    }
    if is_write {
        statuses.push(("422", "The X-Idempotency-Key was used with another request"));
        if !operation.responses.responses.contains_key("409") {
            statuses.push(("409", "The first request with this X-Idempotency-Key has not finished yet"));
        }
    }
    for (status, description) in statuses {
        operation.responses.responses.insert(status.to_owned(), RefOr::T(error_response(description)));
    }
    if let Some(RefOr::T(conflict)) = operation.responses.responses.get_mut("409") {
        *conflict = error_response(&conflict.description.clone());
    }
}

/// 1 to 255 printable ASCII characters, not only spaces.
const IDEMPOTENCY_KEY: &str = "^[!-~]([ -~]{0,253}[!-~])?$";

fn idempotency_key() -> Parameter {
    ParameterBuilder::new()
        .name("X-Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(
            "The same write with the same key is done once; its answer is replayed for 24 hours.",
        ))
        .schema(Some(ObjectBuilder::new().schema_type(Type::String).pattern(Some(IDEMPOTENCY_KEY))))
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
