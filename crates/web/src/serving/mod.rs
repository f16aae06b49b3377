//! From sockets to handlers: `server` accepts connections and drains them (`seats` says which go when there are too many,
//! `opening` gathers a first head, `framing` knows what it is the head of), `router` says which handler serves which path, `openapi` is the document that describes them, `schemas`
//! and `access_schemas` the bodies it names, `swagger` the page that shows it.

pub mod access_schemas;
mod framing;
pub mod identity_schemas;
pub mod openapi;
mod opening;
pub mod router;
pub mod schemas;
mod seats;
pub mod server;

pub use server::serve;
