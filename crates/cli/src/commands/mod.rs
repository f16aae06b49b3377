//! What the binary can be asked to do, one file each.
//!
//! A command reads the settings, calls into `process` or a crate, and prints. Results go to standard output, logs to
//! standard error.

mod apply;
mod check;
mod command_line;
mod completions;
mod configurations;
mod duration_syntax;
mod explain;
mod listen;
mod migrate;
mod openapi;
mod serve;
mod service_address;
mod text_input;
mod text_table;

pub(crate) use command_line::CommandLine;
