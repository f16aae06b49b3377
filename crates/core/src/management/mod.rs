//! What operators and producers ask of the service, one file a resource: read, write, pause, rotate, replay, explain.
//!
//! The web floor calls only these functions. Each takes the [`desk::Management`], the caller's scope and plain values,
//! and returns a view or a [`error::ManagementError`] that knows nothing of HTTP. What must be known to
//! the running engine at once is told to it (`Engine::refresh`, `Engine::wake`); everything else it reads itself.
//!
//! Deliberately absent: who the caller is and what it may do (web), SQL (models), any decision about deliveries
//! (delivery, routing, gates).

pub mod api_keys;
pub mod audit_log;
pub mod authorized_domains;
pub mod callback_configurations;
pub mod callback_executions;
pub mod configuration_statistics;
pub mod configuration_writing;
pub mod deliveries;
pub mod desk;
mod domain_verification;
pub mod error;
pub mod event_subscriptions;
pub mod event_types;
pub mod event_waiting;
pub mod events;
pub mod health;
pub mod idempotency;
pub mod position;
pub mod quarantine;
pub mod replays;
pub mod secret_rotation;
pub mod signing_keys;
pub mod subscription_status;
pub mod svc_infra;
pub mod tenants;
pub mod test_delivery;

pub use desk::Management;
