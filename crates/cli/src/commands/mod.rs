//! What the binary can be asked to do, one file each.
//!
//! A command reads the settings, calls into `process` or a crate, and prints. Results go to standard output, logs to
//! standard error.

mod apply;
mod check;
mod command_line;
mod completions;
mod configuration_lookup;
mod configurations;
mod encryption_rotation;
mod execution_report;
mod explain;
mod generate;
mod keys;
mod listen;
mod migrate;
mod openapi;
mod replay;
mod schema;
mod serve;
mod service_address;
mod text_input;
mod text_table;
mod trigger;
mod verify;
mod verify_audit;

pub(crate) use command_line::CommandLine;
