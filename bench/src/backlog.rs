//! The backlog: deliveries parked behind a paused configuration, traffic beside them, then all of them at once.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::bench::Bench;
use crate::ledger::Ledger;
use crate::load::RunningLoad;
use crate::receiver::Behaviour::Healthy;
use crate::report::{Row, progress, thousands};
use crate::scenario::Traffic;

const LOADING_CONNECTIONS: usize = 4;
const LOADING_BATCH: usize = 1_000;
/// A change of a configuration takes effect within two seconds.
const SETTLE: Duration = Duration::from_secs(3);
const POLL: Duration = Duration::from_millis(500);

impl Bench {
    /// Rows `<name>-park`, `<name>-64` (single events beside the backlog) and `<name>-drain`.
    pub(crate) async fn backlog(&mut self, name: &str) -> Result<Vec<Row>> {
        let traffic = Traffic::batches(LOADING_CONNECTIONS, LOADING_BATCH);
        let stage = self.set_up(name, &traffic, self.plan.backlog).await?;
        let paused = &stage.configurations[0];
        self.api.set_status(paused, "PAUSED").await?;
        tokio::time::sleep(SETTLE).await;
        ensure!(
            self.api.matched(&stage.event_types[0]).await? == 1,
            "a paused configuration does not keep its deliveries"
        );
        let parked = self.park(&format!("{name}-park"), &traffic, &stage.event_types, &stage.ledger).await?;
        ensure!(stage.ledger.delivered_count() == 0, "a paused configuration was delivered to");
        let beside = self.traffic(&format!("{name}-64"), &Traffic::closed(64, vec![vec![Healthy]])).await?;
        self.meter.reset().await?;
        self.api.set_status(paused, "ACTIVE").await?;
        let drained = self.drain(&format!("{name}-drain"), &traffic, &stage.ledger).await?;
        self.tear_down(&stage).await?;
        Ok(vec![parked, beside, drained])
    }

    async fn park(
        &mut self,
        name: &str,
        traffic: &Traffic,
        types: &[String],
        ledger: &Arc<Ledger>,
    ) -> Result<Row> {
        let from = self.meter.snapshot(ledger).await?;
        let load = RunningLoad::start(
            self.service.address(),
            traffic.load(types, self.service.producer_key()),
            Arc::clone(ledger),
        )?;
        while !load.is_finished() {
            tokio::time::sleep(POLL).await;
            self.meter.sample_memory()?;
            let parked = thousands(ledger.accepted_count() as f64);
            progress(&format!("{name}: {parked} parked, {} requests refused", load.refused()));
        }
        let refused = load.stop()?;
        let until = self.meter.snapshot(ledger).await?;
        Ok(Row { refused, ..self.meter.row(name, ledger, &from, &until) })
    }

    async fn drain(&mut self, name: &str, traffic: &Traffic, ledger: &Ledger) -> Result<Row> {
        let from = self.meter.snapshot(ledger).await?;
        let mut before = 0;
        while ledger.delivered_count() < ledger.accepted_count() {
            self.watch(name, POLL * 10, ledger).await?;
            if ledger.delivered_count() == before {
                break; // Nothing arrived in a while: what is missing is counted below.
            }
            before = ledger.delivered_count();
        }
        let until = self.meter.snapshot(ledger).await?;
        let lost = ledger.missing(|sequence| traffic.healthy(sequence));
        let row = self.meter.row(name, ledger, &from, &until);
        Ok(Row {
            // From the first receipt to the last: the poll that noticed the end is not part of the drain.
            deliveries_per_second: ledger.delivered_count() as f64 / ledger.receipt_span().as_secs_f64(),
            // These events waited on purpose; their latency says nothing.
            accepted_to_received: Default::default(),
            sent_to_received: Default::default(),
            lost,
            duplicates: ledger.duplicates(),
            ..row
        })
    }
}
