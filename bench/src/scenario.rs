//! The scenarios, as a table: what is sent, how it is paced, and what the endpoints do with it.

use std::time::Duration;

use crate::event_bytes::RequestTemplate;
use crate::load::Load;
use crate::pace::Pace;
use crate::receiver::Behaviour::{self, BlackHole, Failing, Healthy};
use crate::siege::Siege;
use crate::stream::Stream;

/// How long and how much.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// Load before the measurement starts.
    pub(crate) warm_up: Duration,
    /// The measurement itself.
    pub(crate) measure: Duration,
    /// Deliveries parked in the backlog scenario.
    pub(crate) backlog: usize,
}

impl Plan {
    /// A careful run of some minutes.
    pub(crate) fn full() -> Self {
        Self { warm_up: Duration::from_secs(3), measure: Duration::from_secs(12), backlog: 1_000_000 }
    }

    /// A run of about a minute: enough to see a break, too short for a figure to quote.
    pub(crate) fn quick() -> Self {
        Self { warm_up: Duration::from_millis(500), measure: Duration::from_secs(2), backlog: 50_000 }
    }
}

/// One scenario.
pub(crate) struct Scenario {
    /// Its name in the table and for `--scenario`.
    pub(crate) name: String,
    /// What it does.
    pub(crate) kind: Kind,
}

/// What a scenario does.
pub(crate) enum Kind {
    /// HTTP only, producer to receiver.
    Ceiling,
    /// Producer to service to endpoints.
    Traffic(Traffic),
    /// The same while somebody attacks the API.
    Besieged(Siege, Traffic),
    /// Kafka to service to one endpoint.
    Stream(Stream),
    /// Deliveries parked behind a paused configuration: traffic beside them, then all of them at once.
    Backlog,
}

/// A steady load; event `n` is of topic `n % topics.len()`.
#[derive(Clone)]
pub(crate) struct Traffic {
    /// Each topic's endpoints, one configuration an endpoint; a topic without endpoints is matched by nothing.
    pub(crate) topics: Vec<Vec<Behaviour>>,
    /// Producer connections.
    pub(crate) connections: usize,
    /// Events a request.
    pub(crate) batch: usize,
    /// Closed or open loop.
    pub(crate) pace: Pace,
}

/// More events a second than any scenario reaches: the size of a ledger.
const LEDGER_EVENTS_PER_SECOND: f64 = 150_000.0;

impl Traffic {
    /// Single events to one endpoint as fast as `connections` closed loops go.
    pub(crate) fn closed(connections: usize, topics: Vec<Vec<Behaviour>>) -> Self {
        Self { topics, connections, batch: 1, pace: Pace::Closed }
    }

    /// Single events at `rate` a second.
    pub(crate) fn open(rate: f64, topics: Vec<Vec<Behaviour>>) -> Self {
        Self { topics, connections: 128, batch: 1, pace: Pace::Open(rate) }
    }

    /// Batches of `batch` events to one topic.
    pub(crate) fn batches(connections: usize, batch: usize) -> Self {
        Self { batch, ..Self::closed(connections, vec![vec![Healthy]]) }
    }

    /// Healthy deliveries of event `sequence`.
    pub(crate) fn healthy(&self, sequence: usize) -> usize {
        let endpoints = &self.topics[sequence % self.topics.len()];
        endpoints.iter().filter(|behaviour| **behaviour == Healthy).count()
    }

    /// The most endpoints a topic has (at least 1).
    pub(crate) fn fan_out(&self) -> usize {
        self.topics.iter().map(Vec::len).max().unwrap_or(0).max(1)
    }

    /// Events that a ledger must hold for a load of `duration`.
    pub(crate) fn capacity(&self, duration: Duration) -> usize {
        let rate = match self.pace {
            Pace::Closed => LEDGER_EVENTS_PER_SECOND / self.fan_out() as f64,
            Pace::Open(rate) => rate * 1.5 + 100.0,
        };
        (rate * (duration.as_secs_f64() + 2.0)) as usize
    }

    /// The load that sends it, with `event_types[n]` for topic `n`.
    pub(crate) fn load(&self, event_types: &[String], key: Option<&str>) -> Load {
        let template = |event_type: &String| match self.batch {
            1 => RequestTemplate::single(event_type, key),
            count => RequestTemplate::batch(event_type, count, key),
        };
        Load {
            connections: self.connections,
            pace: self.pace,
            templates: event_types.iter().map(template).collect(),
        }
    }
}

/// Every scenario in the order in which it runs: what leaves a mess behind comes last.
pub(crate) fn all() -> Vec<Scenario> {
    let one = || vec![vec![Healthy]];
    let neighbours = || vec![vec![Healthy]; 4];
    let beside = |behaviour| [neighbours(), vec![vec![behaviour]]].concat();
    let traffic = |name: &str, traffic| Scenario { name: name.to_owned(), kind: Kind::Traffic(traffic) };
    let stream = |name: &str, stream| Scenario { name: name.to_owned(), kind: Kind::Stream(stream) };
    let besieged = |name: &str, siege| Scenario {
        name: name.to_owned(),
        kind: Kind::Besieged(siege, Traffic::open(200.0, one())),
    };
    let open = |rate: u32| traffic(&format!("open-{rate}"), Traffic::open(f64::from(rate), one()));
    vec![
        Scenario { name: "http-ceiling".to_owned(), kind: Kind::Ceiling },
        traffic("ingest", Traffic::closed(64, vec![Vec::new()])),
        traffic("single-64", Traffic::closed(64, one())),
        traffic("single-256", Traffic::closed(256, one())),
        traffic("batch-100", Traffic::batches(8, 100)),
        open(50),
        open(200),
        open(1_000),
        open(5_000),
        open(10_000),
        traffic("fan-out-10", Traffic::closed(16, vec![vec![Healthy; 10]])),
        traffic("neighbours-1000/s", Traffic::open(1_000.0, neighbours())),
        traffic("black-hole-1000/s", Traffic::open(1_250.0, beside(BlackHole))),
        traffic("neighbours-64", Traffic::closed(64, neighbours())),
        traffic("black-hole-64", Traffic::closed(64, beside(BlackHole))),
        traffic("failing-1000/s", Traffic::open(1_250.0, beside(Failing))),
        besieged("newcomers-200/s", Siege::SlowHeads(0)),
        besieged("slow-heads-200/s", Siege::SlowHeads(10_000)),
        besieged("h2-floods-200/s", Siege::Http2Floods(2)),
        stream("kafka-full", Stream::Full(25_000)),
        stream("kafka-10000/s", Stream::Flow(10_000.0)),
        Scenario { name: "backlog".to_owned(), kind: Kind::Backlog },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique() {
        let mut names: Vec<String> = all().into_iter().map(|scenario| scenario.name).collect();
        names.sort();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn only_healthy_endpoints_are_expected_to_receive() {
        let traffic = Traffic::closed(1, vec![vec![Healthy, Failing], vec![BlackHole]]);
        assert_eq!((traffic.healthy(0), traffic.healthy(1), traffic.healthy(2)), (1, 0, 1));
    }
}
