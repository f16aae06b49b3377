//! The real binary, a real PostgreSQL, a real receiver: what a user is promised, checked from outside.
//!
//! Every test has a database of its own on the server named by `DATABASE_URL`, starts `callbacks serve` on free
//! ports, speaks REST only, and ends every process it started. Times in assertions are wide: they tell "works" from
//! "does not", the benchmark tells fast from slow. Tests run one at a time, for several of them load the machine.

mod support;

mod api_keys;
mod before_gates;
mod black_hole;
mod canary;
mod configuration_change;
mod crash;
mod database_away;
mod domain_revocation;
mod encryption_rotation;
mod endpoint_identity;
mod event_loop;
mod firefly_quickstart;
mod first_start;
mod graceful_stop;
mod outgoing_proxy;
mod reentrancy;
mod sdk_verification;
mod takeover;
mod tenant_deletion;
mod tokens;
mod tour;
mod waiting;
