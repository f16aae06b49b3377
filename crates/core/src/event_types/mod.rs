//! # The catalogue of event types at work
//!
//! A tenant may say which types of events its producers send and what their payloads look like, as JSON Schema. Here
//! is decided which schemas are taken (`schema_rules`: nothing remote, nothing recursive, nothing that explodes), they
//! are compiled once (`payload_schema`) and kept in the directory's snapshot (`catalogue`), and an event is judged by
//! them at intake (`gate`), if somebody asked for that.
//!
//! Deliberately absent: reading a schema from anywhere but the catalogue itself.

pub mod catalogue;
pub mod gate;
pub mod payload_schema;
mod schema_rules;
