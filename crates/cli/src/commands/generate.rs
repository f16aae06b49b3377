use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::Context as _;

/// The least a file needs, explained.
const STARTER: &str = include_str!("generate/starter.yaml");
/// Everything a file can say, with its defaults.
const DEFAULTS: &str = include_str!("generate/defaults.yaml");

/// Write a starter file for `callbacks apply`
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Generate {
    /// Name every member, with its default
    #[arg(long)]
    defaults: bool,
    /// Where to write it; standard output if absent
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Overwrite the file when it is there
    #[arg(long, requires = "output")]
    force: bool,
}

impl Generate {
    pub(super) fn run(&self) -> anyhow::Result<()> {
        let text = if self.defaults { DEFAULTS } else { STARTER };
        let Some(path) = &self.output else {
            io::stdout().lock().write_all(text.as_bytes())?;
            return Ok(());
        };
        let mut options = OpenOptions::new();
        options.write(true);
        let file = if self.force { options.create(true).truncate(true) } else { options.create_new(true) }
            .open(path);
        let named = || format!("{} (--force overwrites)", path.display());
        file.with_context(named)?.write_all(text.as_bytes()).with_context(named)
    }
}

#[cfg(test)]
mod tests {
    use crate::commands::apply::check_text;

    use super::*;

    #[test]
    fn what_is_generated_can_be_applied() {
        for text in [STARTER, DEFAULTS] {
            check_text(text).expect("valid");
        }
    }
}
