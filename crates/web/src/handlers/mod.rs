//! One file a resource. A handler extracts, makes one call into the core, and returns a view.

pub mod actuator;
pub mod answer;
pub mod api_keys;
pub mod audit_log;
pub mod authorized_domains;
pub mod callback_configurations;
pub mod callback_executions;
pub mod cloud_events;
pub mod deliveries;
pub mod event_subscriptions;
pub mod event_types;
pub mod events;
pub mod listing;
pub mod quarantined_messages;
pub mod replays;
pub mod svc_infra;
pub mod tenants;
pub mod well_known;
