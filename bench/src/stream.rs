//! Kafka: records consumed, stored and delivered. A topic full of records read as fast as it goes, and a steady flow, whose
//! lag must not grow.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::bench::Bench;
use crate::kafka::Topic;
use crate::ledger::Ledger;
use crate::receiver::Behaviour::Healthy;
use crate::report::{Row, progress, thousands};
use crate::scenario::Traffic;

/// What comes from Kafka.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Stream {
    /// The topic holds so many seconds of records, at the rate named, before the consumer starts.
    Full(usize),
    /// Records a second.
    Flow(f64),
}

/// How long a consumer may take to get its partitions.
const JOINED: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(500);

impl Bench {
    /// Runs one of the two.
    pub(crate) async fn stream(&mut self, name: &str, stream: Stream) -> Result<Row> {
        let servers = self.kafka.clone().context("there is no Kafka broker; name one with --kafka")?;
        let traffic = Traffic::closed(1, vec![vec![Healthy]]);
        let seconds = (self.plan.warm_up + self.plan.measure).as_secs_f64();
        let capacity = match stream {
            Stream::Full(rate) => (rate as f64 * seconds) as usize,
            Stream::Flow(rate) => (rate * (seconds + 5.0)) as usize,
        };
        let stage = self.set_up(name, &traffic, capacity).await?;
        let topic = Topic::create(&servers, &stage.event_types[0]).await?;
        let row = match stream {
            Stream::Full(_) => self.drain_topic(name, &topic, capacity, &stage.ledger).await?,
            Stream::Flow(rate) => self.follow(name, &topic, rate, &stage.ledger).await?,
        };
        let lost = self.await_arrivals(name, &traffic, &stage.ledger).await?;
        self.tear_down(&stage).await?;
        Ok(Row { lost, duplicates: stage.ledger.duplicates(), ..row })
    }

    async fn drain_topic(
        &mut self,
        name: &str,
        topic: &Topic,
        records: usize,
        ledger: &Arc<Ledger>,
    ) -> Result<Row> {
        progress(&format!("{name}: filling the topic with {} records", thousands(records as f64)));
        let (filled, kept) = (topic.clone(), Arc::clone(ledger));
        tokio::task::spawn_blocking(move || filled.fill(records, &kept)).await??;
        let subscription = self.api.subscribe(&topic.name).await?;
        self.first_receipt(ledger).await?;
        let from = self.meter.snapshot(ledger).await?;
        let mut before = 0;
        while ledger.delivered_count() < ledger.accepted_count() && ledger.delivered_count() > before {
            before = ledger.delivered_count();
            self.watch(name, LOOK * 4, ledger).await?;
        }
        let until = self.meter.snapshot(ledger).await?;
        self.api.unsubscribe(&subscription).await?;
        Ok(Row {
            // From the first receipt to the last: the look that noticed the end is not part of it.
            deliveries_per_second: ledger.delivered_count() as f64 / ledger.receipt_span().as_secs_f64(),
            // These records waited on purpose; their latency says nothing.
            sent_to_accepted: Default::default(),
            accepted_to_received: Default::default(),
            sent_to_received: Default::default(),
            ..self.meter.row(name, ledger, &from, &until)
        })
    }

    async fn follow(&mut self, name: &str, topic: &Topic, rate: f64, ledger: &Arc<Ledger>) -> Result<Row> {
        let subscription = self.api.subscribe(&topic.name).await?;
        let flow = topic.flow(rate, ledger)?;
        self.first_receipt(ledger).await?;
        self.watch(name, self.plan.warm_up, ledger).await?;
        let from = self.meter.snapshot(ledger).await?;
        let (end, mut behind) = (Instant::now() + self.plan.measure, Vec::new());
        while Instant::now() < end {
            self.watch(name, LOOK, ledger).await?;
            behind.push(ledger.accepted_count().saturating_sub(ledger.delivered_count()));
        }
        let until = self.meter.snapshot(ledger).await?;
        flow.stop()?;
        let note = lag_in_words(&behind);
        let row = self.meter.row(name, ledger, &from, &until);
        self.await_arrivals(name, &Traffic::closed(1, vec![vec![Healthy]]), ledger).await?;
        self.api.unsubscribe(&subscription).await?;
        Ok(Row { note: Some(note), ..row })
    }

    /// Joining a group takes seconds and is not measured.
    async fn first_receipt(&self, ledger: &Ledger) -> Result<()> {
        let start = Instant::now();
        while ledger.delivered_count() == 0 {
            if start.elapsed() > JOINED {
                bail!("nothing was delivered within {JOINED:?} of subscribing");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }
}

/// How many records were at the broker and not yet at the receiver, over the time measured.
fn lag_in_words(behind: &[u64]) -> String {
    let middle = behind.len() / 2;
    let mean = |part: &[u64]| part.iter().sum::<u64>() as f64 / part.len().max(1) as f64;
    let most = behind.iter().max().copied().unwrap_or(0);
    format!(
        "records at the broker and not yet delivered: {} on average in the first half, {} in the second, {} at most",
        thousands(mean(&behind[..middle])),
        thousands(mean(&behind[middle..])),
        thousands(most as f64)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lag_is_told_by_halves() {
        let told = lag_in_words(&[10, 30, 100, 300]);
        assert!(told.contains("20 on average in the first half, 200 in the second, 300 at most"), "{told}");
    }
}
