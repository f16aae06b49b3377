//! Judgement: which event goes where, whether it may, how it is signed, and what an answer means. Opens no socket and
//! writes no SQL.
//!
//! An event comes in through `intake`, is routed by `routing`, passes the `gates`, is put into its `wire` form and goes
//! out through `delivery`. Every decision is a pure function in a file of its own; the `engine` joins the loops around
//! them. `intake::acceptor` is the only writer of events, `delivery::recorder` the only writer of outcomes.

// What panics stops more than the work it was given; tests may.
#![cfg_attr(not(test), warn(clippy::expect_used, clippy::panic, clippy::unreachable))]
#![cfg_attr(not(test), warn(clippy::indexing_slicing, clippy::string_slice))]

pub mod access;
pub mod backoff;
pub mod before;
pub mod clock;
pub mod delivery;
pub mod domain_proof;
pub mod engine;
pub mod entropy;
pub mod event_types;
pub mod gates;
pub mod hop_count;
pub mod intake;
pub mod maintenance;
pub mod management;
pub mod metric_names;
pub mod routing;
pub mod sources;
pub mod wire;
