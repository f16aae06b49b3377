//! The REST contract, asked of a router over a real database with a running engine. One binary, because each would
//! link the whole service again.

mod audit_atomicity;
mod audit_log;
mod bad_wire_input;
mod contract_operations;
mod contract_validation;
mod credentials;
mod deleted_tenants;
mod document;
mod domain_proof;
mod endpoint_identity;
mod errors;
mod event_types;
mod events;
mod guarded;
mod hostile;
mod hostile_configurations;
mod idempotency;
mod limits;
mod paging;
mod permissions;
mod provided;
mod quarantine;
mod replays;
mod serving;
mod support;
mod svc_infra;
mod tenancy;
mod tokens;
mod waiting;
