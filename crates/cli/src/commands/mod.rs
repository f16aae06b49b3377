//! What the binary can be asked to do, one file each.
//!
//! A command reads the settings, calls into `process` or a crate, and prints. Results go to standard output, logs to
//! standard error.

mod check;
mod command_line;
mod listen;
mod migrate;
mod openapi;
mod serve;

pub(crate) use command_line::CommandLine;
