//! # Memory: the only floor that speaks SQL
//!
//! Core calls these functions and nobody else does; each is one statement, or one transaction where it must be, over a
//! [`store::Store`]. The way of an event through here: [`acceptance`] stores it together with the lease of its first
//! attempts, [`settlement`] records what attempts came to, [`delivery_queue`] holds whatever waits outside a worker's
//! memory, [`recovery`] gives the dead one's work to the living. [`directory`] is what routing knows. Then there is one
//! file an entity for the API; what it writes, [`change`] tells to the audit log in the same transaction.
//!
//! **Invariant: no policy. Every query names its tenant (by a tenant, a scope, or a key that belongs to one), or its
//! function's name ends in `_across_tenants`, and row-level security says the same again (`scoped_connection`).** Claims and outcomes are keyed by the worker that holds them instead.
//!
//! Deliberately absent: decisions (core), HTTP, retries of failed statements. The only dynamic SQL is `filter_sql`, and the
//! names of columns in [`resealing`].

// What panics stops more than the work it was given; tests may.
#![cfg_attr(not(test), warn(clippy::expect_used, clippy::panic, clippy::unreachable))]
#![cfg_attr(not(test), warn(clippy::indexing_slicing, clippy::string_slice))]

pub mod acceptance;
pub mod api_keys;
pub mod audit_log;
pub mod authorized_domains;
pub mod callback_configurations;
pub mod callback_executions;
pub mod change;
mod configuration_row;
pub mod configuration_status;
mod configuration_target;
pub mod delivery_queue;
pub mod delivery_queue_api;
mod delivery_row;
mod delivery_state;
pub mod directory;
mod domain_row;
pub mod error;
mod event_columns;
mod event_ref;
pub mod event_subscriptions;
mod event_type_row;
pub mod event_types;
pub mod events;
mod execution_row;
pub mod execution_statistics;
mod filter_sql;
mod filter_value;
mod hot_connections;
pub mod idempotency;
pub mod migrate;
pub mod notify;
pub mod orphaned_deliveries;
pub mod outbox;
pub mod partitions;
mod payload_keys;
pub mod quarantined_messages;
pub mod recovery;
pub mod replays;
pub mod resealing;
pub mod retention;
mod scoped_connection;
mod sealed_payload;
pub mod secret_column;
pub mod settlement;
mod settlement_columns;
mod small_steps;
mod storable_text;
pub mod store;
pub mod subscription_consumers;
mod subscription_row;
mod tenant_roles;
pub mod tenants;
pub mod worker_registration;
