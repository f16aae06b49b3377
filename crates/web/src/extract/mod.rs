//! What a handler can ask of a request, each read strictly and refused with a problem that names the part at fault:
//! the caller, the desk its changes are made at, ids in the path, query parameters, JSON bodies.

pub mod caller;
pub mod desk;
pub mod json_object;
pub mod media_type;
pub mod path_id;
pub(crate) mod publish_options;
pub mod query_parameters;
