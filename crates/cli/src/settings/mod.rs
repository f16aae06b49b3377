//! Settings: read once at the start, checked, and never read again.
//!
//! `layers` lays files and environment over `config/default.toml`, which is embedded and is also the list of what may
//! be set at all; `limits` refuses values out of range, `relations` pairs that contradict each other; what is left is
//! `Settings`, whose parts become the `…Settings` of the crates that use them. Errors name the variable or file the
//! value came from. Deliberately absent: reloading, and defaults in code beside the ones in the file.

mod coercion;
mod encryption_key;
mod error;
mod firefly_names;
mod handover;
mod known_keys;
mod layers;
mod limits;
mod proxy_section;
mod relations;
mod report;
mod sections;
mod sources;
mod state_folder;
#[cfg(test)]
mod tests;
mod token_section;

pub(crate) use encryption_key::{EncryptionKeyError, EncryptionKeys};
pub(crate) use report::masked_url;
pub(crate) use sections::{Authentication, LogFormat, LogSection, Settings};
pub(crate) use sources::Sources;
pub(crate) use token_section::TokenProvider;
