//! What surrounds every handler: one function at the edge (`edge`: deadline, panic, error shape, security headers),
//! and, only for a request that carries the header, `idempotency`.
//!
//! Deliberately few layers: each one costs an allocation on the hot path. Nothing here knows a resource.

pub mod edge;
pub mod idempotency;
