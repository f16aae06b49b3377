//! What a delivery must pass before it reaches the wire. Every gate here is a pure decision: it is given the time
//! and the facts, answers yes, not yet, or never, and neither sleeps nor reads anything. The dispatcher asks them in
//! order; the egress asks the address policy once more about the address it is about to dial.

pub mod address_policy;
mod address_ranges;
mod address_table;
mod call_window;
pub mod circuit_breaker;
pub mod domain_authorization;
mod path_rules;
mod private_name;
pub mod rate_limit;
pub mod standing;
