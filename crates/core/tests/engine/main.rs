//! The engine as a whole, over a real PostgreSQL database per test and a scripted network.

mod deleted_tenants;
mod delivering;
mod domain_authorization;
mod domain_policy;
mod domain_proof;
mod dry_run;
mod gates;
mod holding;
mod hostile_secrets;
mod hostile_sources;
mod house;
mod outgoing_proxy;
mod profiles;
mod retention;
mod scripted_broker;
mod source_scene;
mod stopping;
