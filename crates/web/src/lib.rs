//! The front door: HTTP in, one call into the core, a view or a problem out.
//!
//! A request enters through `serving` (sockets, router, document), passes the one `middleware` that knows about
//! deadlines, panics and idempotency, shows at `auth` who is asking, is read by the extractors of `extract`, and reaches a handler in `handlers`
//! (one file a resource). A handler is three steps: extract, one call into `callbacks_core::management`, view.
//! What may go wrong is an `ApiError`; `problem_response` alone decides the status it becomes.
//!
//! Deliberately absent: SQL and the models crate (never imported here), any outgoing connection, any reading of files
//! or environment. Invariant: no input, however broken, is answered with a 5xx or a panic.

// What panics stops more than the work it was given; tests may.
#![cfg_attr(not(test), warn(clippy::expect_used, clippy::panic, clippy::unreachable))]
#![cfg_attr(not(test), warn(clippy::indexing_slicing, clippy::string_slice))]

pub mod accept;
pub mod auth;
pub mod exposition;
pub mod extract;
pub mod handlers;
pub mod metric_names;
pub mod middleware;
pub mod problem_body;
pub mod problem_response;
pub mod serving;
pub mod state;

pub use serving::openapi::openapi;
