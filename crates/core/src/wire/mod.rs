//! How a delivery looks on the wire. A wire profile is one row of the table in `profile`: its headers, and what it needs
//! beside them. `envelope` makes the body of the payload, `canonical_json` writes it where a receiver needs it in one form
//! only, `signature` signs it, `preset` has the retry policies of the systems the profiles stand in for. Everything that
//! does not change between deliveries of a configuration is prepared once; building one delivery then formats a few
//! headers and signs the very bytes that are sent. Nothing is sent from here.

pub mod canonical_json;
mod envelope;
mod envelope_fields;
mod facts;
pub mod headers;
mod json_number;
mod json_reader;
mod json_text;
pub mod preset;
pub mod profile;
mod profiles;
mod recipe;
pub mod signature;
mod template;
mod url_userinfo;
