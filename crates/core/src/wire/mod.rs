//! How a delivery looks on the wire. A wire profile is one row of the table in `profile`: which headers, which body,
//! which signature. Everything that does not change between deliveries of a configuration is prepared once; building
//! one delivery then formats a few headers and signs the body. Nothing is sent from here.

mod facts;
mod firefly;
pub mod headers;
pub mod profile;
mod recipe;
pub mod signature;
mod template;
