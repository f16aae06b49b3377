//! The queries against a real PostgreSQL: a private database a test, on the server `DATABASE_URL` names.

mod acceptance;
mod authorized_domains;
mod callback_configurations;
mod callback_executions;
mod claims;
mod deliveries;
mod directory;
mod event_subscriptions;
mod events;
mod filters;
mod fixture;
mod housekeeping;
mod idempotency;
mod payload_encryption;
mod query_plans;
mod recovery;
mod resealing;
mod row_level_security;
mod settlement;
