use std::io;

use clap::CommandFactory;
use clap_complete::Shell;

use super::command_line::CommandLine;

/// Prints the completion script of a shell.
pub(super) fn run(shell: Shell) {
    clap_complete::generate(shell, &mut CommandLine::command(), "callbacks", &mut io::stdout().lock());
}
