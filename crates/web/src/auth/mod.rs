//! The door: who is asking, may they, and the book of what they changed.
//!
//! `guard` takes the credential of a request (`credential`), has the core recognise it, looks up what the route asks for
//! (`route_table`), and lets the request in with its caller, or refuses it. `own_tenant` refuses bodies that name another
//! tenant than the caller's. `audit_trail` tells the audit log of every change that was made.
//!
//! Deliberately absent: what a role may do (`callbacks_core::access::permissions`, the only table). Invariant: a route
//! without a line in `route_table` is refused to everyone who must authenticate.

pub mod audit_trail;
pub mod credential;
pub mod guard;
pub mod own_tenant;
pub mod route_table;
