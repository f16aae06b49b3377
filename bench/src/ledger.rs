//! What was sent, accepted and received in one scenario, and when: one slot an event, no locks.
//!
//! Producer and receiver are threads of this process, so both stamp the same monotonic clock and no clock
//! skew enters a latency.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Nanoseconds since the ledger was opened; 0 = never.
type Stamp = AtomicU64;

/// The ledger of one scenario.
pub(crate) struct Ledger {
    origin: Instant,
    fan_out: usize,
    sent: Box<[Stamp]>,
    accepted: Box<[Stamp]>,
    received: Box<[Stamp]>,
    next: AtomicU64,
    accepted_count: AtomicU64,
    delivered_count: AtomicU64,
    duplicates: AtomicU64,
    refused_attempts: AtomicU64,
}

impl Ledger {
    /// A ledger for at most `capacity` events with up to `fan_out` healthy deliveries each.
    pub(crate) fn new(capacity: usize, fan_out: usize) -> Self {
        Self {
            origin: Instant::now(),
            fan_out,
            sent: stamps(capacity),
            accepted: stamps(capacity),
            received: stamps(capacity * fan_out),
            next: AtomicU64::new(0),
            accepted_count: AtomicU64::new(0),
            delivered_count: AtomicU64::new(0),
            duplicates: AtomicU64::new(0),
            refused_attempts: AtomicU64::new(0),
        }
    }

    /// Reserves `count` consecutive sequence numbers; `None` when the ledger is full.
    pub(crate) fn reserve(&self, count: usize) -> Option<usize> {
        let first = usize::try_from(self.next.fetch_add(count as u64, Relaxed)).ok()?;
        (first + count <= self.sent.len()).then_some(first)
    }

    /// Now, on this ledger's clock.
    pub(crate) fn now(&self) -> u64 {
        self.at(Instant::now())
    }

    /// `instant` on this ledger's clock (never 0).
    pub(crate) fn at(&self, instant: Instant) -> u64 {
        u64::try_from(instant.saturating_duration_since(self.origin).as_nanos()).unwrap_or(u64::MAX).max(1)
    }

    /// Notes when an event was (or, in an open loop, should have been) sent.
    pub(crate) fn note_sent(&self, sequence: usize, at: u64) {
        self.sent[sequence].store(at, Relaxed);
    }

    /// Notes that the producer read a 202 for `count` events from `first`.
    pub(crate) fn note_accepted(&self, first: usize, count: usize) {
        let now = self.now();
        for slot in &self.accepted[first..first + count] {
            slot.store(now, Relaxed);
        }
        self.accepted_count.fetch_add(count as u64, Relaxed);
    }

    /// Notes a request that a healthy endpoint took; numbers outside the ledger (preflight events) are ignored.
    pub(crate) fn note_received(&self, sequence: usize, endpoint: usize) {
        let Some(slot) = self.received.get(sequence * self.fan_out + endpoint) else {
            return;
        };
        if slot.compare_exchange(0, self.now(), Relaxed, Relaxed).is_ok() {
            self.delivered_count.fetch_add(1, Relaxed);
        } else {
            self.duplicates.fetch_add(1, Relaxed);
        }
    }

    /// Notes a request that an endpoint failed or left hanging on purpose.
    pub(crate) fn note_refused_attempt(&self) {
        self.refused_attempts.fetch_add(1, Relaxed);
    }

    /// Events answered with 202 so far.
    pub(crate) fn accepted_count(&self) -> u64 {
        self.accepted_count.load(Relaxed)
    }

    /// First receipts at healthy endpoints so far.
    pub(crate) fn delivered_count(&self) -> u64 {
        self.delivered_count.load(Relaxed)
    }

    /// Receipts beyond the first of the same delivery.
    pub(crate) fn duplicates(&self) -> u64 {
        self.duplicates.load(Relaxed)
    }

    /// Requests that reached a failing or hanging endpoint.
    pub(crate) fn refused_attempts(&self) -> u64 {
        self.refused_attempts.load(Relaxed)
    }

    /// Accepted events whose healthy deliveries (as many as `healthy` says of a sequence number) are not all here.
    pub(crate) fn missing(&self, healthy: impl Fn(usize) -> usize) -> u64 {
        let accepted = self.accepted.iter().enumerate().filter(|(_, at)| at.load(Relaxed) != 0);
        accepted.map(|(sequence, _)| self.missing_of(sequence, healthy(sequence))).sum()
    }

    fn missing_of(&self, sequence: usize, healthy: usize) -> u64 {
        let slots = &self.received[sequence * self.fan_out..][..healthy];
        slots.iter().filter(|at| at.load(Relaxed) == 0).count() as u64
    }

    /// Latencies of what was received (or, for [`Span::SentToAccepted`], accepted) between two instants.
    pub(crate) fn latencies(&self, span: Span, from: Instant, until: Instant) -> Latencies {
        let window = self.at(from)..=self.at(until);
        let ends = match span {
            Span::SentToAccepted => &self.accepted,
            Span::SentToReceived | Span::AcceptedToReceived => &self.received,
        };
        let starts = if span == Span::AcceptedToReceived { &self.accepted } else { &self.sent };
        let ends_per_event = ends.len() / self.sent.len().max(1);
        let ended = ends.iter().enumerate().map(|(slot, at)| (slot, at.load(Relaxed)));
        let sample = ended.filter(|(_, at)| *at != 0 && window.contains(at)).map(|(slot, at)| {
            // A webhook may overtake the producer's 202: both leave after the same commit. That counts as 0.
            at.saturating_sub(starts[slot / ends_per_event].load(Relaxed))
        });
        Latencies::of(sample.collect())
    }

    /// Time from the first to the last receipt.
    pub(crate) fn receipt_span(&self) -> Duration {
        let stamps = || self.received.iter().map(|at| at.load(Relaxed)).filter(|at| *at != 0);
        let (first, last) = (stamps().min().unwrap_or(0), stamps().max().unwrap_or(0));
        Duration::from_nanos(last - first)
    }
}

fn stamps(count: usize) -> Box<[Stamp]> {
    (0..count).map(|_| Stamp::new(0)).collect()
}

/// Between which two stamps a latency is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Span {
    /// The producer's request to its 202.
    SentToAccepted,
    /// The producer's request to the receiver's reading of the webhook.
    SentToReceived,
    /// The producer's reading of the 202 to the receiver's reading of the webhook.
    AcceptedToReceived,
}

/// Percentiles of a sample, in milliseconds; `None` when nothing was measured.
#[derive(Debug, Clone, Copy, Default, serde::Serialize)]
pub(crate) struct Latencies {
    /// Median.
    pub(crate) p50_ms: Option<f64>,
    /// 99th percentile.
    pub(crate) p99_ms: Option<f64>,
    /// 99.9th percentile.
    pub(crate) p999_ms: Option<f64>,
}

impl Latencies {
    fn of(mut nanoseconds: Vec<u64>) -> Self {
        nanoseconds.sort_unstable();
        let quantile = |share: f64| {
            let last = nanoseconds.len().checked_sub(1)?;
            let rank = (last as f64 * share).round() as usize;
            Some(nanoseconds[rank] as f64 / 1e6)
        };
        Self { p50_ms: quantile(0.5), p99_ms: quantile(0.99), p999_ms: quantile(0.999) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_receipt_is_a_duplicate_and_a_missing_one_is_counted() {
        let ledger = Ledger::new(10, 2);
        assert_eq!(ledger.reserve(3), Some(0));
        ledger.note_accepted(0, 3);
        for (sequence, endpoint) in [(0, 0), (0, 1), (1, 0), (1, 0), (2, 1), (99, 0)] {
            ledger.note_received(sequence, endpoint);
        }
        assert_eq!((ledger.delivered_count(), ledger.duplicates()), (4, 1));
        assert_eq!(ledger.missing(|_| 2), 2);
        assert_eq!(ledger.missing(|sequence| usize::from(sequence == 2)), 1);
    }

    #[test]
    fn a_full_ledger_gives_no_more_numbers() {
        let ledger = Ledger::new(5, 1);
        assert_eq!(ledger.reserve(4), Some(0));
        assert_eq!(ledger.reserve(4), None);
    }

    #[test]
    fn quantiles_are_those_of_the_sorted_sample() {
        let latencies = Latencies::of((0..=1000).rev().map(|ms| ms * 1_000_000).collect());
        assert_eq!(latencies.p50_ms, Some(500.0));
        assert_eq!(latencies.p99_ms, Some(990.0));
        assert_eq!(Latencies::of(Vec::new()).p50_ms, None);
    }
}
