//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::{Args, Parser, Subcommand};

use crate::report::progress;
use crate::scenario::{Kind, Plan, Scenario, all};

/// Measures the callbacks service on this machine.
#[derive(Debug, Parser)]
#[command(name = "callbacks-bench")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

impl Arguments {
    /// What is to be done; to run everything when nothing is said.
    pub(crate) fn command(self) -> Command {
        self.command.unwrap_or_else(|| Command::Run(RunArguments::default()))
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Starts the service, runs the scenarios and prints one table (the default).
    Run(RunArguments),
    /// Lists the scenarios.
    List,
}

#[derive(Debug, Default, Args)]
pub(crate) struct RunArguments {
    /// The `callbacks` binary; by default the one beside this program.
    #[arg(long)]
    binary: Option<PathBuf>,
    /// About a minute in all: shows a break, gives no figure to quote.
    #[arg(long)]
    quick: bool,
    /// A Kafka broker, `host:port`; without one the scenarios with Kafka are left out, which is said.
    #[arg(long)]
    kafka: Option<String>,
    /// Every guard on: API keys are asked for, and stored payloads are encrypted.
    #[arg(long)]
    pub(crate) guarded: bool,
    /// Only scenarios whose name starts with this (repeatable); the ceiling always runs.
    #[arg(long)]
    scenario: Vec<String>,
    /// Seconds each scenario is measured, instead of 12 (2 with --quick).
    #[arg(long)]
    seconds: Option<u64>,
    /// Deliveries of the backlog scenario, instead of 1,000,000 (50,000 with --quick).
    #[arg(long)]
    backlog: Option<usize>,
    /// Also write the figures to this file as JSON.
    #[arg(long)]
    pub(crate) json: Option<PathBuf>,
}

impl RunArguments {
    /// The scenarios asked for.
    pub(crate) fn scenarios(&self) -> Result<Vec<Scenario>> {
        let wanted = |name: &str| {
            self.scenario.is_empty() || self.scenario.iter().any(|front| name.starts_with(front))
        };
        for front in &self.scenario {
            ensure!(
                all().iter().any(|scenario| scenario.name.starts_with(front)),
                "no scenario is called {front}"
            );
        }
        let chosen = all()
            .into_iter()
            .filter(|scenario| matches!(scenario.kind, Kind::Ceiling) || wanted(&scenario.name));
        let (without, with): (Vec<_>, Vec<_>) =
            chosen.partition(|scenario| matches!(scenario.kind, Kind::Stream(_)) && self.kafka.is_none());
        for scenario in &without {
            progress(&format!("NOT MEASURED: {} needs a Kafka broker (--kafka HOST:PORT)", scenario.name));
        }
        Ok(with)
    }

    /// The Kafka broker.
    pub(crate) fn kafka(&self) -> Option<&str> {
        self.kafka.as_deref()
    }

    /// How long and how much.
    pub(crate) fn plan(&self) -> Plan {
        let plan = if self.quick { Plan::quick() } else { Plan::full() };
        Plan {
            measure: self.seconds.map_or(plan.measure, Duration::from_secs),
            backlog: self.backlog.unwrap_or(plan.backlog),
            ..plan
        }
    }

    /// The service's binary.
    pub(crate) fn binary(&self) -> Result<PathBuf> {
        let beside = || -> Result<PathBuf> {
            let own = std::env::current_exe()?;
            Ok(own.parent().context("this program has no folder")?.join("callbacks"))
        };
        let binary = self.binary.clone().map_or_else(beside, Ok)?;
        ensure!(
            binary.is_file(),
            "{} does not exist; build it first: cargo build --release -p callbacks-cli",
            binary.display()
        );
        Ok(binary)
    }
}
