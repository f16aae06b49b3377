use std::io::{self, Write};

use clap::CommandFactory;
use clap_complete::Shell;

use super::command_line::CommandLine;

/// Prints the completion script of a shell.
pub(super) fn run(shell: Shell) {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut CommandLine::command(), "callbacks", &mut script);
    // Whoever reads only the beginning, such as `head`, has what they wanted.
    let _ = io::stdout().lock().write_all(&script);
}
