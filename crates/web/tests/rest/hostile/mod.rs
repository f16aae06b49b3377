//! The catalogue's hostile requests, each sent to the service over a real database: refused with a 4xx or taken as plain
//! data, never a 5xx, never another tenant's rows. `docs/HOSTILE_INPUTS.md` has what became of each.

mod bodies;
mod credentials;
mod ingestion;
mod queries;
mod settings;
mod tenants;
