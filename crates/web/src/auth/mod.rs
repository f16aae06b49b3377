//! The door: who is asking, and may they.
//!
//! `guard` takes the credential of a request (`credential`), has the core recognise it, looks up what the route asks for
//! (`route_table`), and lets the request in with its caller, or refuses it. `own_tenant` refuses bodies that name another
//! tenant than the caller's.
//!
//! Deliberately absent: what a role may do (`callbacks_core::access::permissions`, the only table); what the
//! audit log is told (`crate::extract::desk`). Invariant: a route
//! without a line in `route_table` is refused to everyone who must authenticate.

pub mod credential;
pub mod guard;
pub mod own_tenant;
pub mod route_table;
