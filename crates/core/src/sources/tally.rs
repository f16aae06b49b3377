//! What the consumers of one subscription on this replica have done and how they are: counted by the pumps, read by the
//! supervisor.

use std::sync::atomic::{AtomicU64, Ordering};

use callbacks_models::subscription_consumers::NewReport;
use metrics::Label;
use parking_lot::Mutex;
use time::OffsetDateTime;

use super::event_source::Standing;
use super::metric_names;

/// Counters since the process started, and the latest state.
#[derive(Debug)]
pub struct Tally {
    labels: Vec<Label>,
    received: AtomicU64,
    failed: AtomicU64,
    filtered: AtomicU64,
    reconnects: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// By consumer.
    standings: Vec<Standing>,
    last_message: Option<OffsetDateTime>,
    last_error: Option<(String, OffsetDateTime)>,
    /// What was already taken for the totals.
    taken: (u64, u64),
}

/// Messages counted since the last time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    /// Received.
    pub received: u64,
    /// Of them, those that could not be accepted.
    pub failed: u64,
    /// When the last one arrived.
    pub last_at: OffsetDateTime,
}

impl Tally {
    /// For a subscription with so many consumers. `name` and `system` label its metrics.
    #[must_use]
    pub fn new(name: String, system: String, consumers: usize) -> Self {
        let labels = vec![Label::new("subscription", name), Label::new("system", system)];
        // There from the start, so that the first one of each is seen as a change.
        for counter in [metric_names::QUARANTINED, metric_names::RECONNECTS, metric_names::REBALANCES] {
            metrics::counter!(counter, labels.clone()).increment(0);
        }
        Self {
            labels,
            received: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            filtered: AtomicU64::new(0),
            reconnects: AtomicU64::new(0),
            state: Mutex::new(State { standings: vec![Standing::default(); consumers], ..State::default() }),
        }
    }

    /// Messages arrived.
    pub fn received(&self, messages: usize, now: OffsetDateTime) {
        self.received.fetch_add(messages as u64, Ordering::Relaxed);
        self.state.lock().last_message = Some(now);
        metrics::counter!(metric_names::RECEIVED, self.labels.clone()).increment(messages as u64);
        metrics::histogram!(metric_names::BATCH_SIZE, self.labels.clone()).record(messages as f64);
    }

    /// Messages went to quarantine; of `messages` that could not be accepted, `new` had not been there before.
    pub fn quarantined(&self, messages: usize, new: u64) {
        self.failed.fetch_add(messages as u64, Ordering::Relaxed);
        metrics::counter!(metric_names::QUARANTINED, self.labels.clone()).increment(new);
    }

    /// Messages were acknowledged without becoming events.
    pub fn filtered(&self, messages: usize, reason: &'static str) {
        self.filtered.fetch_add(messages as u64, Ordering::Relaxed);
        let mut labels = self.labels.clone();
        labels.push(Label::from_static_parts("reason", reason));
        metrics::counter!(metric_names::FILTERED, labels).increment(messages as u64);
    }

    /// Events were recognised as accepted before.
    pub fn duplicates(&self, events: usize) {
        metrics::counter!(metric_names::DUPLICATES, self.labels.clone()).increment(events as u64);
    }

    /// Messages had the id of an earlier event and another value.
    pub fn conflicting(&self, messages: usize) {
        metrics::counter!(metric_names::CONFLICTS, self.labels.clone()).increment(messages as u64);
    }

    /// A consumer failed and will be opened anew.
    pub fn failed(&self, consumer: usize, error: String, now: OffsetDateTime) {
        self.reconnects.fetch_add(1, Ordering::Relaxed);
        metrics::counter!(metric_names::RECONNECTS, self.labels.clone()).increment(1);
        let mut state = self.state.lock();
        state.last_error = Some((error, now));
        if let Some(standing) = state.standings.get_mut(consumer) {
            *standing = Standing { rebalances: standing.rebalances, ..Standing::default() };
        }
    }

    /// How a consumer is.
    pub fn stands(&self, consumer: usize, standing: Standing) {
        let mut state = self.state.lock();
        if let Some(error) = &standing.error
            && state.last_error.as_ref().is_none_or(|(_, at)| *at < error.1)
        {
            state.last_error = Some(error.clone());
        }
        if let Some(known) = state.standings.get_mut(consumer) {
            let more = standing.rebalances.saturating_sub(known.rebalances);
            metrics::counter!(metric_names::REBALANCES, self.labels.clone()).increment(more);
            *known = standing;
        }
    }

    /// What is new since the last call; `None` when nothing is.
    pub fn take_counted(&self) -> Option<Counted> {
        let mut state = self.state.lock();
        let now = (self.received.load(Ordering::Relaxed), self.failed.load(Ordering::Relaxed));
        let before = std::mem::replace(&mut state.taken, now);
        let (received, failed) = (now.0 - before.0, now.1 - before.1);
        let last_at = state.last_message?;
        (received > 0 || failed > 0).then_some(Counted { received, failed, last_at })
    }

    /// Puts back what could not be written.
    pub fn put_back(&self, counted: Counted) {
        let mut state = self.state.lock();
        state.taken.0 -= counted.received;
        state.taken.1 -= counted.failed;
    }

    /// Everything there is to report; also sets the gauges.
    pub fn report(&self) -> NewReport {
        let state = self.state.lock();
        let mut partitions: Vec<String> =
            state.standings.iter().flat_map(|one| one.partitions.iter().cloned()).collect();
        partitions.sort_unstable();
        partitions.dedup();
        let known = |lags: Vec<i64>| (!lags.is_empty()).then(|| lags.into_iter().sum());
        let report = NewReport {
            consumers: i32::try_from(state.standings.len()).unwrap_or(i32::MAX),
            connected: state.standings.iter().any(|one| one.connected),
            partitions,
            lag: known(state.standings.iter().filter_map(|one| one.lag).collect()),
            lag_seconds: state.standings.iter().filter_map(|one| one.lag_seconds).reduce(f64::max),
            last_message_at: state.last_message,
            last_error: state.last_error.as_ref().map(|(error, _)| error.clone()),
            last_error_at: state.last_error.as_ref().map(|(_, at)| *at),
            rebalances: state.standings.iter().map(|one| one.rebalances as i64).sum(),
            reconnects: self.reconnects.load(Ordering::Relaxed) as i64,
            filtered: self.filtered.load(Ordering::Relaxed) as i64,
        };
        metrics::gauge!(metric_names::CONNECTED, self.labels.clone())
            .set(f64::from(u8::from(report.connected)));
        metrics::gauge!(metric_names::LAG_MESSAGES, self.labels.clone())
            .set(report.lag.unwrap_or_default() as f64);
        metrics::gauge!(metric_names::LAG_SECONDS, self.labels.clone())
            .set(report.lag_seconds.unwrap_or_default());
        report
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally() -> Tally {
        Tally::new("s".to_owned(), "KAFKA".to_owned(), 2)
    }

    fn connected(lag: Option<i64>, partition: &str) -> Standing {
        Standing {
            connected: true,
            lag,
            partitions: vec![partition.to_owned()],
            rebalances: 1,
            ..Standing::default()
        }
    }

    #[test]
    fn counts_are_taken_once_and_can_be_put_back() {
        let tally = tally();
        assert_eq!(tally.take_counted(), None);
        tally.received(3, OffsetDateTime::UNIX_EPOCH);
        tally.quarantined(1, 1);
        let counted = tally.take_counted().expect("something");
        assert_eq!((counted.received, counted.failed), (3, 1));
        assert_eq!(tally.take_counted(), None);
        tally.put_back(counted);
        assert_eq!(tally.take_counted(), Some(counted));
    }

    #[test]
    fn consumers_add_up_and_a_failed_one_counts_no_more() {
        let tally = tally();
        tally.stands(0, connected(Some(5), "orders/0"));
        tally.stands(1, connected(Some(7), "orders/1"));
        let report = tally.report();
        assert_eq!((report.lag, report.connected, report.rebalances), (Some(12), true, 2));
        assert_eq!(report.partitions, ["orders/0", "orders/1"]);
        tally.failed(0, "gone".to_owned(), OffsetDateTime::UNIX_EPOCH);
        tally.failed(1, "gone".to_owned(), OffsetDateTime::UNIX_EPOCH);
        let report = tally.report();
        assert_eq!((report.lag, report.connected, report.reconnects), (None, false, 2));
        assert_eq!(report.last_error.as_deref(), Some("gone"));
    }
}
