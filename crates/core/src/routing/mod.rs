//! Which configurations an event is for. The refresher keeps an immutable snapshot (the directory) of every tenant's
//! configurations and domains; the router reads it and decides, on memory alone.

pub mod directory;
pub mod endpoint_identity;
pub mod event_document;
pub mod event_pattern_index;
pub mod explain;
mod filter_cel;
mod filter_cel_context;
mod filter_cel_work;
pub mod filter_expression;
mod filter_jsonpath;
mod filter_outcome;
mod filter_path;
mod filter_pattern;
pub mod refresher;
pub mod router;
pub mod target;
