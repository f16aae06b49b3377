//! callbacks-bench: what the service does on one machine, measured from outside.
//!
//! It starts the real `callbacks` binary with a fresh private PostgreSQL, plays producer and receiver itself (as
//! cheaply as it can: their processor time is taken from the service), and prints one table. It knows the REST
//! contract and /proc, nothing of the service's inside; no other crate of this workspace is imported.
//!
//! `scenario` is the table of what runs; `bench`, `backlog` and `stream` run it; `load`, `pace`,
//! `event_bytes` and `kafka` produce;
//! `receiver` receives, `siege` attacks; `ledger` remembers both; `ceiling` is the yardstick; `service`, `private_postgres` and
//! `process_cost` are the things measured, `snapshot` the measuring, `report` the table.

mod api;
mod arguments;
mod backlog;
mod bench;
mod ceiling;
mod event_bytes;
mod kafka;
mod ledger;
mod load;
mod pace;
mod private_postgres;
mod process_cost;
mod receiver;
mod report;
mod scenario;
mod service;
mod siege;
mod snapshot;
mod stream;
mod wire_head;

use anyhow::{Result, ensure};
use clap::Parser as _;

use crate::arguments::{Arguments, Command, RunArguments};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    match Arguments::parse().command() {
        Command::Run(arguments) => run(&arguments).await,
        Command::List => list(),
    }
}

async fn run(arguments: &RunArguments) -> Result<()> {
    let scenarios = arguments.scenarios()?;
    let service = service::Service::start(&arguments.binary()?, arguments.kafka(), arguments.guarded).await?;
    let mut bench = bench::Bench::start(service, arguments.plan(), arguments.kafka()).await?;
    let (mut rows, mut ceiling) = (Vec::new(), None);
    for scenario in &scenarios {
        for mut row in bench.run(scenario).await? {
            ceiling = ceiling.or(Some(row.deliveries_per_second).filter(|_| row.cost.is_none()));
            row.share_of_ceiling = ceiling.map(|ceiling| row.deliveries_per_second / ceiling);
            rows.push(row);
        }
    }
    drop(bench);
    report::progress("");
    report::print(&rows)?;
    if let Some(file) = &arguments.json {
        report::write_json(&rows, file)?;
    }
    let lost: u64 = rows.iter().map(|row| row.lost).sum();
    ensure!(lost == 0, "{lost} accepted deliveries never arrived");
    Ok(())
}

fn list() -> Result<()> {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    for scenario in scenario::all() {
        writeln!(out, "{}", scenario.name)?;
    }
    Ok(())
}
