//! # The typed client of the service's REST API (feature `client`)
//!
//! [`Client`] is the connection; it hands out one handle a resource (`client.configurations()`,
//! `client.events()` …), whose methods are the API's operations and whose answers are the views of
//! `callbacks-interfaces`. Bodies are anything that serialises; the structs in [`bodies`] name every
//! field. The client needs a tokio runtime.
//!
//! Deliberately absent: retries. Writes carry an idempotency key when asked to
//! ([`Client::idempotent`]), so a caller can repeat them safely by its own policy.

mod access;
pub mod bodies;
mod connection;
mod deliveries;
mod event_types;
mod events;
mod executions;
mod health;
mod linked;
mod quarantine;
mod replays;
mod resource;
mod resources;
mod selection;

pub use access::{ApiKey, ApiKeyBody, ApiKeys, AuditEntry, NewApiKey, Role, Tenant, Tenants};
pub use connection::Client;
pub use deliveries::Deliveries;
pub use event_types::EventTypes;
pub use events::{Events, ReplayedEvent};
pub use executions::{Executions, ReplayedDelivery};
pub use health::{ComponentHealth, HealthReport};
pub use linked::Linked;
pub use quarantine::{Quarantine, ReplayAs};
pub use replays::{ReplayBody, Replays};
pub use resource::Resource;
pub use resources::{ConfigurationStatistics, Configurations, Domains, RotatedSecret, Subscriptions};
pub use selection::Selection;
