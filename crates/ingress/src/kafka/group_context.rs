//! What the group and the brokers tell a consumer: which partitions are its own, how far behind it is, what went wrong.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use callbacks_core::clock::Clock;
use callbacks_core::sources::event_source::Standing;
use parking_lot::Mutex;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, ConsumerContext, Rebalance};
use rdkafka::error::KafkaError;
use rdkafka::statistics::Statistics;
use tracing::{debug, info, warn};

/// librdkafka reports every failed attempt to reconnect; people need one of them now and then.
const QUIET: Duration = Duration::from_secs(30);

/// The callbacks of one consumer. They run inside `recv`, so they are short and never wait.
pub(super) struct GroupContext {
    clock: Arc<dyn Clock>,
    shared: Mutex<Shared>,
}

struct Shared {
    assigned: HashMap<String, HashMap<i32, Assigned>>,
    /// Grows with every assignment, so that a partition that went away and came back is another one.
    epoch: u64,
    rebalances: u64,
    /// Since when no broker could be reached.
    lost: Option<Instant>,
    connected: bool,
    lag: Option<i64>,
    error: Option<(String, time::OffsetDateTime)>,
    warned: Option<Instant>,
}

/// A partition this consumer owns.
#[derive(Clone)]
pub(super) struct Assigned {
    pub(super) epoch: u64,
    pub(super) topic: Arc<str>,
    pub(super) partition: Arc<str>,
}

impl GroupContext {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        let shared = Shared {
            assigned: HashMap::new(),
            epoch: 0,
            rebalances: 0,
            lost: Some(clock.monotonic()),
            connected: false,
            lag: None,
            error: None,
            warned: None,
        };
        Self { clock, shared: Mutex::new(shared) }
    }

    /// The partition as it is assigned now; `None` when it is somebody else's.
    pub(super) fn assigned(&self, topic: &str, partition: i32) -> Option<Assigned> {
        self.shared.lock().assigned.get(topic)?.get(&partition).cloned()
    }

    /// For how long no broker could be reached.
    pub(super) fn lost_for(&self) -> Option<Duration> {
        let lost = self.shared.lock().lost?;
        Some(self.clock.monotonic().saturating_duration_since(lost))
    }

    pub(super) fn clock(&self) -> &dyn Clock {
        self.clock.as_ref()
    }

    pub(super) fn standing(&self) -> Standing {
        let shared = self.shared.lock();
        let of_topic = |(topic, partitions): (&String, &HashMap<i32, Assigned>)| -> Vec<String> {
            partitions.keys().map(|partition| format!("{topic}/{partition}")).collect()
        };
        Standing {
            connected: shared.connected,
            partitions: shared.assigned.iter().flat_map(of_topic).collect(),
            lag: shared.lag,
            lag_seconds: None,
            error: shared.error.clone(),
            rebalances: shared.rebalances,
        }
    }

    /// Keeps an error for the status, and says it in the log now and then.
    pub(super) fn note(&self, error: String, away: bool) {
        let now = self.clock.monotonic();
        let mut shared = self.shared.lock();
        if away {
            shared.connected = false;
            shared.lost.get_or_insert(now);
        }
        if shared.warned.is_none_or(|at| now.saturating_duration_since(at) >= QUIET) {
            shared.warned = Some(now);
            warn!(%error, "Kafka: {error}; the consumer goes on by itself");
        }
        shared.error = Some((error, self.clock.now()));
    }

    fn assign(&self, partitions: &[(String, i32)]) {
        let mut shared = self.shared.lock();
        shared.epoch += 1;
        shared.rebalances += 1;
        let epoch = shared.epoch;
        for (topic, partition) in partitions {
            let assigned = Assigned {
                epoch,
                topic: Arc::from(topic.as_str()),
                partition: Arc::from(partition.to_string()),
            };
            shared.assigned.entry(topic.clone()).or_default().insert(*partition, assigned);
        }
    }

    fn revoke(&self, partitions: &[(String, i32)]) {
        let mut shared = self.shared.lock();
        for (topic, partition) in partitions {
            if let Some(known) = shared.assigned.get_mut(topic) {
                known.remove(partition);
            }
        }
        shared.assigned.retain(|_, known| !known.is_empty());
    }

    fn measure(&self, statistics: &Statistics) {
        let connected = statistics.brokers.values().any(|broker| broker.state == "UP");
        let mut shared = self.shared.lock();
        if connected {
            (shared.connected, shared.lost) = (true, None);
        } else if !statistics.brokers.is_empty() {
            shared.connected = false;
            shared.lost.get_or_insert(self.clock.monotonic());
        }
        let lags: Vec<i64> = shared
            .assigned
            .iter()
            .flat_map(|(topic, known)| known.keys().map(move |partition| (topic, partition)))
            .filter_map(|(topic, partition)| statistics.topics.get(topic)?.partitions.get(partition))
            .filter_map(|found| {
                [found.consumer_lag_stored, found.consumer_lag].into_iter().find(|lag| *lag >= 0)
            })
            .collect();
        shared.lag = (!lags.is_empty()).then(|| lags.iter().sum());
    }
}

impl ClientContext for GroupContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        debug!(?level, facility, "librdkafka: {message}");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let away = is_away(&error);
        self.note(reason.to_owned(), away);
    }

    fn stats(&self, statistics: Statistics) {
        self.measure(&statistics);
    }
}

impl ConsumerContext for GroupContext {
    /// Before a partition is given away its entry goes, so that nothing of it that is still being stored is acknowledged
    /// later: the next owner begins where the stored offsets end, and what it reads again is recognised. librdkafka itself
    /// commits the stored offsets of a partition as it leaves. After a lost session that commit fails, as all do until the
    /// consumer has joined again (ILLEGAL_GENERATION); then more comes again, and is recognised too.
    fn pre_rebalance(&self, _consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        // The list is librdkafka's: it is copied, never kept, or the consumer could not be dropped.
        let named = |list: &rdkafka::TopicPartitionList| -> Vec<(String, i32)> {
            list.elements().iter().map(|one| (one.topic().to_owned(), one.partition())).collect()
        };
        match rebalance {
            Rebalance::Assign(list) => {
                let partitions = named(list);
                info!(?partitions, "Kafka assigned {} partitions", partitions.len());
                self.assign(&partitions);
            }
            Rebalance::Revoke(list) => {
                let partitions = named(list);
                info!(?partitions, "Kafka revoked {} partitions", partitions.len());
                self.revoke(&partitions);
            }
            Rebalance::Error(error) => self.note(error.to_string(), false),
        }
    }
}

/// Whether an error says that no broker can be reached.
pub(super) fn is_away(error: &KafkaError) -> bool {
    use rdkafka::types::RDKafkaErrorCode::{AllBrokersDown, BrokerTransportFailure, Resolve};
    matches!(error.rdkafka_error_code(), Some(AllBrokersDown | BrokerTransportFailure | Resolve))
}
