//! From sockets to handlers: `server` accepts connections and drains them (`framing` knows requests that are not
//! clear about their length), `router` says which handler serves which path, `openapi` is the document that describes them, `schemas`
//! and `access_schemas` the bodies it names, `swagger` the page that shows it.

pub mod access_schemas;
mod framing;
pub mod identity_schemas;
pub mod openapi;
pub mod router;
pub mod schemas;
pub mod server;

pub use server::serve;
