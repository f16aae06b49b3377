//! Running the binary.

mod program;
mod service;

pub(crate) use program::{Program, explain};
pub(crate) use service::Service;
