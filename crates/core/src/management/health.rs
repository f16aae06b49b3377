//! How the service is doing, component by component.

use std::time::Duration;

use serde_json::{Value, json};

use super::Management;

/// A health question may not take longer: probes give up soon.
const PATIENCE: Duration = Duration::from_secs(2);

/// Health of the components, in the shape of Spring's actuator.
pub struct HealthReport {
    /// By component: `{"status": …, "details": {…}}`.
    pub components: Value,
    up: bool,
}

impl HealthReport {
    /// Whether every component that is needed is up.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.up
    }
}

/// Whether requests can be served: the database answers.
pub async fn ready(desk: &Management) -> bool {
    let answered = tokio::time::timeout(PATIENCE, desk.store.ping()).await;
    matches!(answered, Ok(Ok(())))
}

/// Everything there is to say.
pub async fn report(desk: &Management) -> HealthReport {
    let database = tokio::time::timeout(PATIENCE, desk.store.ping()).await.is_ok_and(|answer| answer.is_ok());
    let engine = tokio::time::timeout(PATIENCE, desk.engine.health()).await.ok().and_then(Result::ok);
    let sources = tokio::time::timeout(PATIENCE, super::subscription_status::health(desk)).await;
    let sources = sources.unwrap_or_else(|_| json!({"status": "UNKNOWN"}));
    let database_component = json!({"status": word(database), "details": {"database": "PostgreSQL"}});
    let (queue, breakers, accepting) = match engine {
        Some(health) => {
            let details = json!({
                "depth": health.queue_depth,
                "oldestDueSeconds": health.queue_lag.as_secs_f64(),
                "inFlight": health.in_flight,
                "accepting": health.accepting,
            });
            let open: Vec<Value> = health
                .breakers
                .iter()
                .map(|(id, state)| json!({"configurationId": id, "state": state}))
                .collect();
            let breakers = json!({"status": "UP", "details": {"configurations": health.configurations, "notClosed": open}});
            (json!({"status": word(health.accepting), "details": details}), breakers, health.accepting)
        }
        None => (json!({"status": "UNKNOWN"}), json!({"status": "UNKNOWN"}), false),
    };
    HealthReport {
        components: json!({"db": database_component, "queue": queue, "circuitBreakers": breakers, "sources": sources}),
        up: database && accepting,
    }
}

fn word(up: bool) -> &'static str {
    if up { "UP" } else { "DOWN" }
}
