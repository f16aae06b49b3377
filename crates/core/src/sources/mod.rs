//! Events from where they happen: rows of `event_subscriptions` become running consumers.
//!
//! The `supervisor` compares the rows with what runs here, at once when the database notifies and every second in case it
//! did not. For each consumer it runs a `pump`: pull a batch from an `event_source`, make events of its messages
//! (`extraction`, `cloud_event`, and `shared_tenant` where the message names its tenant; all pure), set aside what cannot be one (`poison`), hand the rest to the intake, and only
//! after the commit acknowledge. A `tally` counts meanwhile, and the supervisor reports it.
//!
//! **Invariant: nothing is acknowledged before it is stored: as an event, in quarantine, or as something nobody wants.**
//!
//! Deliberately absent: brokers (the ingress crate implements `event_source` for each), except the `postgres_outbox`,
//! which is a table of a database and therefore the business of this crate and its models.

pub mod cloud_event;
pub mod event_source;
pub mod extraction;
pub mod message;
pub mod metric_names;
mod payload_fields;
pub mod poison;
pub mod postgres_outbox;
pub mod pump;
pub mod settings;
pub mod shared_tenant;
mod storing;
pub mod supervisor;
pub mod tally;
