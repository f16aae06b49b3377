//! # For receivers and callers of the service
//!
//! A library for the other side of the wire. [`verify`] tells a receiver whether a callback really
//! came from the service it shares a secret with; it needs no runtime and no network, so it fits any
//! web framework. `callbacks listen` and `callbacks verify` are built on it. The feature `client` adds
//! a typed client of the whole REST API (`client::Client`), which the other commands are built on.
//!
//! **Invariant: a signature is only ever compared in constant time, and no error quotes a secret or
//! the signature that would have been right.**
//!
//! Deliberately absent: sending and storing (that is the service), and any opinion on what a receiver
//! does with an event it has verified.

#[cfg(feature = "client")]
pub mod client;
#[cfg(feature = "client")]
pub mod error;
mod hex_signature;
mod mac;
pub mod received;
pub mod scheme;
mod standard_webhooks;
mod stripe_signature;
pub mod verify;
