//! Runs scenarios against one service: set the endpoints up, load, measure, check that nothing was lost.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::api::Api;
use crate::ceiling::CeilingLoad;
use crate::ledger::Ledger;
use crate::load::RunningLoad;
use crate::receiver::{Behaviour, Receiver};
use crate::report::{Row, progress, thousands};
use crate::scenario::{Kind, Plan, Scenario, Traffic};
use crate::service::Service;
use crate::siege::{RunningSiege, Siege};
use crate::snapshot::{BareSnapshot, Meter};

const PROGRESS_EVERY: Duration = Duration::from_millis(500);
/// How long accepted deliveries may take to arrive after the load has ended.
const ARRIVAL_LIMIT: Duration = Duration::from_secs(60);
/// Within this time a new configuration must be known to the router (specified: 2 s).
const ROUTING_LIMIT: Duration = Duration::from_secs(5);

/// A service under test with its receiver and meters.
pub(crate) struct Bench {
    pub(crate) service: Service,
    pub(crate) receiver: Receiver,
    pub(crate) api: Api,
    pub(crate) meter: Meter,
    pub(crate) plan: Plan,
    /// The Kafka broker, if there is one.
    pub(crate) kafka: Option<String>,
}

/// Configurations made for one scenario.
pub(crate) struct Stage {
    pub(crate) event_types: Vec<String>,
    pub(crate) configurations: Vec<String>,
    pub(crate) ledger: Arc<Ledger>,
}

impl Bench {
    /// Starts a receiver, which the service gets authorized for.
    pub(crate) async fn start(service: Service, plan: Plan, kafka: Option<&str>) -> Result<Self> {
        let (receiver, api) = (Receiver::start()?, service.api());
        if service.is_guarded() {
            api.encrypt_payloads().await?;
        }
        api.authorize(receiver.address()).await?;
        let meter = Meter::of(&service).await?;
        Ok(Self { service, receiver, api, meter, plan, kafka: kafka.map(str::to_owned) })
    }

    /// Runs one scenario and returns its row (the backlog has several).
    pub(crate) async fn run(&mut self, scenario: &Scenario) -> Result<Vec<Row>> {
        self.meter.reset().await?;
        let rows = match &scenario.kind {
            Kind::Ceiling => self.ceiling(&scenario.name).await.map(|row| vec![row]),
            Kind::Traffic(traffic) => self.traffic(&scenario.name, traffic).await.map(|row| vec![row]),
            Kind::Besieged(siege, traffic) => {
                self.besieged(&scenario.name, *siege, traffic).await.map(|row| vec![row])
            }
            Kind::Stream(stream) => self.stream(&scenario.name, *stream).await.map(|row| vec![row]),
            Kind::Backlog => self.backlog(&scenario.name).await,
        };
        rows.with_context(|| {
            format!("scenario {}; the service logged:\n{}", scenario.name, self.service.log_tail())
        })
    }

    async fn ceiling(&mut self, name: &str) -> Result<Row> {
        let everything = self.plan.warm_up + self.plan.measure;
        let ledger = Arc::new(Ledger::new(Traffic::closed(64, Vec::new()).capacity(everything), 1));
        let path = format!("/hook/{}/0", self.receiver.open(&ledger));
        let load = CeilingLoad::start(self.receiver.address(), path, Arc::clone(&ledger))?;
        self.watch(name, self.plan.warm_up, &ledger).await?;
        let from = BareSnapshot::take(&ledger)?;
        self.watch(name, self.plan.measure, &ledger).await?;
        let until = BareSnapshot::take(&ledger)?;
        load.stop()?;
        Ok(from.row(name, &ledger, &until))
    }

    /// Runs a steady load and measures it.
    pub(crate) async fn traffic(&mut self, name: &str, traffic: &Traffic) -> Result<Row> {
        let capacity = traffic.capacity(self.plan.warm_up + self.plan.measure);
        let stage = self.set_up(name, traffic, capacity).await?;
        let ledger = Arc::clone(&stage.ledger);
        let load = traffic.load(&stage.event_types, self.service.producer_key());
        let load = RunningLoad::start(self.service.address(), load, Arc::clone(&ledger))?;
        self.watch(name, self.plan.warm_up, &ledger).await?;
        let from = self.meter.snapshot(&ledger).await?;
        self.watch(name, self.plan.measure, &ledger).await?;
        let until = self.meter.snapshot(&ledger).await?;
        let ended_early = load.is_finished();
        let refused = load.stop()?;
        ensure!(!ended_early, "the load ended before the measurement did");
        let lost = self.await_arrivals(name, traffic, &ledger).await?;
        let row = self.meter.row(name, &ledger, &from, &until);
        self.tear_down(&stage).await?;
        Ok(Row {
            lost,
            refused,
            duplicates: ledger.duplicates(),
            failing_requests: ledger.refused_attempts(),
            ..row
        })
    }

    async fn besieged(&mut self, name: &str, siege: Siege, traffic: &Traffic) -> Result<Row> {
        let siege = RunningSiege::start(self.service.address(), siege)?;
        let row = self.traffic(name, traffic).await;
        let note = siege.stop()?;
        Ok(Row { note: Some(note), ..row? })
    }

    /// Creates the configurations of `traffic` and waits until each topic is routed to all of its endpoints.
    pub(crate) async fn set_up(&self, name: &str, traffic: &Traffic, capacity: usize) -> Result<Stage> {
        let ledger = Arc::new(Ledger::new(capacity, traffic.fan_out()));
        let number = self.receiver.open(&ledger);
        let (mut event_types, mut configurations) = (Vec::new(), Vec::new());
        for (topic, endpoints) in traffic.topics.iter().enumerate() {
            let event_type = format!("bench.{}.{topic}", name.replace('/', "-"));
            for (endpoint, behaviour) in endpoints.iter().enumerate() {
                let url = self.receiver.url(*behaviour, number, endpoint);
                configurations.push(self.api.configure(&url, &event_type).await?);
            }
            self.await_routing(&event_type, endpoints).await?;
            event_types.push(event_type);
        }
        Ok(Stage { event_types, configurations, ledger })
    }

    async fn await_routing(&self, event_type: &str, endpoints: &[Behaviour]) -> Result<()> {
        let start = Instant::now();
        while self.api.matched(event_type).await? != endpoints.len() as u64 {
            if start.elapsed() > ROUTING_LIMIT {
                bail!(
                    "{event_type} does not match its {} configurations within {ROUTING_LIMIT:?}",
                    endpoints.len()
                );
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    /// Deletes what [`Bench::set_up`] made.
    pub(crate) async fn tear_down(&self, stage: &Stage) -> Result<()> {
        for configuration in &stage.configurations {
            self.api.delete(configuration).await?;
        }
        Ok(())
    }

    /// Waits for what was accepted and not yet received; returns how many healthy deliveries never came.
    pub(crate) async fn await_arrivals(
        &mut self,
        name: &str,
        traffic: &Traffic,
        ledger: &Ledger,
    ) -> Result<u64> {
        let start = Instant::now();
        loop {
            let missing = ledger.missing(|sequence| traffic.healthy(sequence));
            if missing == 0 || start.elapsed() > ARRIVAL_LIMIT {
                return Ok(missing);
            }
            progress(&format!("{name}: {} accepted deliveries still to arrive", thousands(missing as f64)));
            self.meter.sample_memory()?;
            tokio::time::sleep(PROGRESS_EVERY).await;
        }
    }

    /// Lets time pass, showing how fast things go and sampling the service's memory.
    pub(crate) async fn watch(&mut self, name: &str, duration: Duration, ledger: &Ledger) -> Result<()> {
        let end = Instant::now() + duration;
        while Instant::now() < end {
            let (before, start) = (ledger.delivered_count(), Instant::now());
            tokio::time::sleep(end.saturating_duration_since(start).min(PROGRESS_EVERY)).await;
            let rate = (ledger.delivered_count() - before) as f64 / start.elapsed().as_secs_f64();
            let memory = self.meter.sample_memory()?;
            progress(&format!("{name}: {} deliveries/s, service at {memory:.0} MiB", thousands(rate)));
        }
        Ok(())
    }
}
