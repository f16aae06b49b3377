//! # Words: the ground floor of the house
//!
//! Every noun that crosses the public contract lives here, one file a noun: ids, validated values,
//! the views the API answers with and the drafts a write is parsed into. Every other crate speaks
//! these words; this crate knows none of the others, opens no socket and reads no clock.
//!
//! **Invariant: holding a value proves it is valid, and nothing here exposes a secret.** Values are
//! built by `TryFrom`/`FromStr` or by a draft's `create`/`replace`/`patched`, which report *all* that
//! is wrong at once ([`field_errors::ValidationErrors`]). A view has no field a secret could be put
//! into, and the values of authorization-like headers are masked when it is serialised.
//!
//! Deliberately absent: policy (core), persistence (models), HTTP statuses (web). The feature
//! `openapi` adds `utoipa` schemas and nothing else.

// What panics stops more than the work it was given; tests may.
#![cfg_attr(not(test), warn(clippy::expect_used, clippy::panic, clippy::unreachable))]
#![cfg_attr(not(test), warn(clippy::indexing_slicing, clippy::string_slice))]

pub mod authorized_domain;
pub mod authorized_domain_draft;
pub mod body_format;
pub mod callback_configuration;
pub mod callback_execution;
pub mod callback_url;
pub mod circuit_breaker_policy;
pub mod configuration_draft;
mod configuration_rules;
pub mod cursor;
pub mod delivery;
pub mod delivery_phase;
pub mod domain_pattern;
pub mod domain_policy;
pub mod duration_syntax;
pub mod duration_text;
pub mod endpoint_auth;
mod endpoint_rules;
pub mod endpoint_tls;
pub mod envelope;
pub mod event;
pub mod event_explanation;
pub mod event_pattern;
pub mod event_result;
pub mod event_submission;
pub mod event_subscription;
pub mod event_subscription_draft;
pub mod event_type;
pub mod event_type_draft;
pub mod event_type_entry;
pub mod field_errors;
pub mod field_reader;
pub mod filter;
pub mod gate_answer;
mod host_name;
pub mod ids;
pub mod instant;
pub mod json_body;
pub mod json_depth;
mod kafka_rules;
pub mod masked;
pub mod named_enum;
pub mod page;
pub mod patch;
pub mod problem;
pub mod profile_defaults;
pub mod quarantined_message;
pub mod replay;
pub mod retry_policy;
mod scalar_rules;
pub mod secret;
pub mod signature_choice;
pub mod signature_scheme;
mod signing_rules;
pub mod subscription_status;
pub mod tenant;
pub mod whsec;
pub mod wire_headers;
pub mod wire_profile;
