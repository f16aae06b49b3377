//! What each route asks for. One line a route; what a role may do is the core's table.

use std::collections::HashMap;
use std::sync::LazyLock;

use callbacks_core::access::operation::Operation;
use http::Method;

/// What stands before a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Door {
    /// Anyone may pass.
    Open,
    /// A caller who may do this.
    For(Operation),
    /// The path is served, this method is not; those are.
    WrongMethod(String),
    /// Nobody wrote down who may pass, so nobody may.
    Unlisted,
}

/// What stands before a route. `HEAD` is answered by `GET`.
#[must_use]
pub fn door(method: &Method, path: &str) -> Door {
    if path == "/swagger-ui" || path.starts_with("/swagger-ui/") {
        return Door::Open;
    }
    let Some(methods) = DOORS.get(path) else { return Door::Unlisted };
    let method = if method == Method::HEAD { Method::GET.as_str() } else { method.as_str() };
    match methods.iter().find(|(listed, _)| *listed == method) {
        Some((_, Some(operation))) => Door::For(*operation),
        Some((_, None)) => Door::Open,
        None => Door::WrongMethod(methods.iter().map(|(listed, _)| *listed).collect::<Vec<_>>().join(", ")),
    }
}

type Methods = Vec<(&'static str, Option<Operation>)>;

static DOORS: LazyLock<HashMap<&'static str, Methods>> = LazyLock::new(|| {
    let mut doors: HashMap<&str, Methods> = HashMap::new();
    for (path, methods, operation) in TABLE {
        for method in methods.split(' ') {
            doors.entry(path).or_default().push((method, *operation));
        }
    }
    doors
});

/// Path, methods, and what they ask for; `None` lets anyone pass.
const TABLE: &[(&str, &str, Option<Operation>)] = &[
    ("/v3/api-docs", "GET", None),
    ("/openapi.json", "GET", None),
    ("/swagger-ui.html", "GET", None),
    // Receivers verify signatures with it, and have no key.
    ("/.well-known/callbacks/jwks.json", "GET", None),
    ("/actuator/health", "GET", None),
    ("/actuator/health/liveness", "GET", None),
    ("/actuator/health/readiness", "GET", None),
    ("/actuator/info", "GET", Some(Operation::ReadMetrics)),
    ("/actuator/metrics", "GET", Some(Operation::ReadMetrics)),
    ("/actuator/metrics/{name}", "GET", Some(Operation::ReadMetrics)),
    ("/actuator/prometheus", "GET", Some(Operation::ReadMetrics)),
    ("/metrics", "GET", Some(Operation::ReadMetrics)),
    // svc-infra's routes.
    ("/_webhooks/subscriptions", "POST", Some(Operation::ChangeConfigurations)),
    ("/_webhooks/test-fire", "POST", Some(Operation::SendEvents)),
    ("/api/v1/events", "POST", Some(Operation::SendEvents)),
    ("/api/v1/events", "GET", Some(Operation::ReadEvents)),
    ("/api/v1/events/batch", "POST", Some(Operation::SendEvents)),
    ("/api/v1/events/explain", "POST", Some(Operation::ReadEvents)),
    ("/api/v1/events/{id}", "GET", Some(Operation::ReadEvents)),
    ("/api/v1/events/{id}/replay", "POST", Some(Operation::ReplayEvents)),
    ("/api/v1/callback-configurations", "GET", Some(Operation::ReadConfigurations)),
    ("/api/v1/callback-configurations", "POST", Some(Operation::ChangeConfigurations)),
    ("/api/v1/callback-configurations/filter", "POST", Some(Operation::ReadConfigurations)),
    ("/api/v1/callback-configurations/{id}", "GET", Some(Operation::ReadConfigurations)),
    ("/api/v1/callback-configurations/{id}", "PUT PATCH DELETE", Some(Operation::ChangeConfigurations)),
    ("/api/v1/callback-configurations/{id}/secret", "POST", Some(Operation::ChangeConfigurations)),
    ("/api/v1/callback-configurations/{id}/pause", "POST", Some(Operation::ChangeConfigurations)),
    ("/api/v1/callback-configurations/{id}/resume", "POST", Some(Operation::ChangeConfigurations)),
    ("/api/v1/callback-configurations/{id}/test", "POST", Some(Operation::ChangeConfigurations)),
    ("/api/v1/callback-configurations/{id}/stats", "GET", Some(Operation::ReadConfigurations)),
    ("/api/v1/callback-configurations/{id}/replays", "GET", Some(Operation::ReadDeliveries)),
    ("/api/v1/callback-configurations/{id}/replays", "POST", Some(Operation::ReplayEvents)),
    ("/api/v1/callback-configurations/{id}/replays/{replayId}", "GET", Some(Operation::ReadDeliveries)),
    ("/api/v1/callback-configurations/{id}/replays/{replayId}/cancel", "POST", Some(Operation::ReplayEvents)),
    ("/api/v1/authorized-domains", "GET", Some(Operation::ReadDomains)),
    ("/api/v1/authorized-domains", "POST", Some(Operation::ChangeDomains)),
    ("/api/v1/authorized-domains/filter", "POST", Some(Operation::ReadDomains)),
    ("/api/v1/authorized-domains/{id}", "GET", Some(Operation::ReadDomains)),
    ("/api/v1/authorized-domains/{id}", "PUT PATCH DELETE", Some(Operation::ChangeDomains)),
    ("/api/v1/authorized-domains/{domain}/verify", "POST", Some(Operation::ChangeDomains)),
    ("/api/v1/event-subscriptions", "GET", Some(Operation::ReadSubscriptions)),
    ("/api/v1/event-subscriptions", "POST", Some(Operation::ChangeSubscriptions)),
    ("/api/v1/event-subscriptions/filter", "POST", Some(Operation::ReadSubscriptions)),
    ("/api/v1/event-subscriptions/{id}", "GET", Some(Operation::ReadSubscriptions)),
    ("/api/v1/event-subscriptions/{id}", "PUT PATCH DELETE", Some(Operation::ChangeSubscriptions)),
    ("/api/v1/event-subscriptions/{id}/activate", "POST", Some(Operation::ChangeSubscriptions)),
    ("/api/v1/event-subscriptions/{id}/deactivate", "POST", Some(Operation::ChangeSubscriptions)),
    ("/api/v1/event-subscriptions/{id}/status", "GET", Some(Operation::ReadSubscriptions)),
    ("/api/v1/quarantined-messages", "GET", Some(Operation::ReadSubscriptions)),
    ("/api/v1/quarantined-messages/{id}", "GET", Some(Operation::ReadSubscriptions)),
    ("/api/v1/quarantined-messages/{id}/replay", "POST", Some(Operation::ChangeSubscriptions)),
    ("/api/v1/quarantined-messages/{id}/discard", "POST", Some(Operation::ChangeSubscriptions)),
    ("/api/v1/callback-executions", "GET", Some(Operation::ReadExecutions)),
    (
        "/api/v1/callback-executions/by-configuration/{configurationId}",
        "GET",
        Some(Operation::ReadExecutions),
    ),
    ("/api/v1/callback-executions/by-status", "GET", Some(Operation::ReadExecutions)),
    ("/api/v1/callback-executions/pending-retries", "GET", Some(Operation::ReadExecutions)),
    ("/api/v1/callback-executions/recent", "GET", Some(Operation::ReadExecutions)),
    ("/api/v1/callback-executions/filter", "POST", Some(Operation::ReadExecutions)),
    ("/api/v1/callback-executions/{id}", "GET", Some(Operation::ReadExecutions)),
    ("/api/v1/callback-executions/{id}/replay", "POST", Some(Operation::ReplayEvents)),
    ("/api/v1/event-types", "GET", Some(Operation::ReadEventTypes)),
    ("/api/v1/event-types", "POST", Some(Operation::ChangeEventTypes)),
    ("/api/v1/event-types/filter", "POST", Some(Operation::ReadEventTypes)),
    ("/api/v1/event-types/enforcement", "GET", Some(Operation::ReadEventTypes)),
    ("/api/v1/event-types/enforcement", "PUT", Some(Operation::ChangeEventTypes)),
    ("/api/v1/event-types/{name}", "GET", Some(Operation::ReadEventTypes)),
    ("/api/v1/event-types/{name}", "PUT PATCH DELETE", Some(Operation::ChangeEventTypes)),
    ("/api/v1/event-types/{name}/schema", "GET", Some(Operation::ReadEventTypes)),
    ("/api/v1/deliveries", "GET", Some(Operation::ReadDeliveries)),
    ("/api/v1/deliveries/{id}", "GET", Some(Operation::ReadDeliveries)),
    ("/api/v1/deliveries/{id}/retry", "POST", Some(Operation::ChangeDeliveries)),
    ("/api/v1/deliveries/{id}/cancel", "POST", Some(Operation::ChangeDeliveries)),
    ("/api/v1/audit-log", "GET", Some(Operation::ReadAuditLog)),
    ("/api/v1/tenants", "GET", Some(Operation::ReadTenantsAndKeys)),
    ("/api/v1/tenants", "POST", Some(Operation::ChangeTenantsAndKeys)),
    ("/api/v1/tenants/{id}", "GET", Some(Operation::ReadTenantsAndKeys)),
    ("/api/v1/tenants/{id}", "PATCH DELETE", Some(Operation::ChangeTenantsAndKeys)),
    ("/api/v1/api-keys", "GET", Some(Operation::ReadTenantsAndKeys)),
    ("/api/v1/api-keys", "POST", Some(Operation::ChangeTenantsAndKeys)),
    ("/api/v1/api-keys/{id}", "GET", Some(Operation::ReadTenantsAndKeys)),
    ("/api/v1/api-keys/{id}", "DELETE", Some(Operation::ChangeTenantsAndKeys)),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_has_one_line_and_the_rest_is_refused() {
        for (path, methods) in DOORS.iter() {
            for (method, _) in methods {
                assert_eq!(methods.iter().filter(|(other, _)| other == method).count(), 1, "{method} {path}");
            }
        }
        assert_eq!(door(&Method::GET, "/nowhere"), Door::Unlisted);
        assert_eq!(door(&Method::OPTIONS, "/api/v1/tenants"), Door::WrongMethod("GET, POST".to_owned()));
        assert_eq!(door(&Method::HEAD, "/api/v1/tenants"), Door::For(Operation::ReadTenantsAndKeys));
        assert_eq!(door(&Method::GET, "/swagger-ui/index.html"), Door::Open);
        assert_eq!(door(&Method::GET, "/swagger-ui-of-mine"), Door::Unlisted);
    }
}
