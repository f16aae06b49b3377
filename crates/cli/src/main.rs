//! `callbacks`, the one binary: reads settings and environment, joins all parts, and owns their lives.
//!
//! `commands` holds one file for each thing it can be asked to do, `settings` everything that can be set, `process` what
//! surrounds the parts while they run. No other crate reads files or the environment.

mod commands;
mod process;
mod settings;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::Parser;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Filter expressions are parsed by recursion, and a stack that overflows ends the process: the longest expression that
/// is accepted (1,000 characters) needs 2 MiB, in an unoptimised build more.
const STACK_BYTES: usize = 8 * 1024 * 1024;

fn main() -> ExitCode {
    let command_line = commands::CommandLine::parse();
    let outcome = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_stack_size(STACK_BYTES)
        .build()
        .map_err(anyhow::Error::from)
        .and_then(|runtime| runtime.block_on(command_line.run()));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to tell when standard error is gone too.
            let _ = writeln!(io::stderr(), "callbacks: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whoever reads our output, such as `head`, may leave early.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
