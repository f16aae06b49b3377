use std::path::PathBuf;

use clap::{Parser, Subcommand};

use super::{
    apply, check, completions, configurations, explain, generate, keys, listen, migrate, openapi, replay,
    schema, serve, trigger, verify, verify_audit,
};
use crate::settings::Sources;

/// Turns domain events into reliable outbound webhooks for many tenants.
#[derive(Debug, Parser)]
#[command(name = "callbacks", version, about)]
pub(crate) struct CommandLine {
    /// Settings file (TOML) laid over the defaults; environment variables beat it
    #[arg(long, global = true, env = "CALLBACKS_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the service; without a configured database it brings a private PostgreSQL of its own
    Serve,
    /// Bring the database's schema up to date, and stop
    Migrate,
    /// Print the settings in force, secrets masked, and try the database
    Check,
    /// Print the OpenAPI document
    Openapi,
    /// Run a local receiver that prints callbacks and verifies their signatures
    Listen(listen::Listen),
    /// Look at callback configurations
    #[command(subcommand)]
    Configurations(configurations::Configurations),
    /// Print the JSON Schema of an event type
    Schema(schema::Schema),
    /// Send an event, or test one configuration, and show what became of it
    Trigger(trigger::Trigger),
    /// Deliver events again
    Replay(replay::Replay),
    /// Check the signature of a captured callback
    Verify(verify::Verify),
    /// Write a commented starter file for `apply`
    Generate(generate::Generate),
    /// Make the service look as a file says; also takes pyfly's, Dealix's and servo's files
    Apply(apply::Apply),
    /// Answer offline what the service would decide: JSON lines in, JSON lines out
    #[command(subcommand)]
    Explain(explain::Topic),
    /// Make, list and revoke API keys
    #[command(subcommand)]
    Keys(keys::Keys),
    /// Check that nothing in the audit log was changed, removed or put in
    VerifyAudit,
    /// Print a completion script for a shell
    Completions { shell: clap_complete::Shell },
}

impl CommandLine {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let sources = Sources::of_process(self.config);
        match self.command {
            Command::Serve => serve::run(&sources).await,
            Command::Migrate => migrate::run(&sources).await,
            Command::Check => check::run(&sources).await,
            Command::Openapi => openapi::run(),
            Command::Listen(listen) => listen.run().await,
            Command::Configurations(configurations) => configurations.run().await,
            Command::Schema(schema) => schema.run().await,
            Command::Trigger(trigger) => trigger.run().await,
            Command::Replay(replay) => replay.run().await,
            Command::Verify(verify) => verify.run(),
            Command::Generate(generate) => generate.run(),
            Command::Apply(apply) => apply.run().await,
            Command::Explain(topic) => topic.run(),
            Command::Keys(keys) => keys.run(&sources).await,
            Command::VerifyAudit => verify_audit::run(&sources).await,
            Command::Completions { shell } => {
                completions::run(shell);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        CommandLine::command().debug_assert();
    }
}
