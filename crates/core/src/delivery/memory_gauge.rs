//! How many bytes of payload the lanes hold together, so that a backlog stays in the database.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What an entry costs besides its payload, in bytes.
const OVERHEAD: usize = 512;

/// Counts the bytes that deliveries in memory occupy. An estimate: a payload shared by several deliveries counts each time.
#[derive(Debug)]
pub(crate) struct MemoryGauge {
    used: AtomicUsize,
    limit: usize,
}

impl MemoryGauge {
    /// A gauge for at most `limit` bytes.
    pub(crate) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { used: AtomicUsize::new(0), limit })
    }

    /// Takes room for a payload, or `None` when it does not fit.
    pub(crate) fn try_take(self: &Arc<Self>, payload: usize) -> Option<HeldMemory> {
        let bytes = payload + OVERHEAD;
        let before = self.used.fetch_add(bytes, Ordering::Relaxed);
        let held = HeldMemory { gauge: Arc::clone(self), bytes };
        // The first delivery always fits, however large: otherwise it could never be sent.
        (before == 0 || before + bytes <= self.limit).then_some(held)
    }

    /// Takes room for a payload that is in memory already.
    pub(crate) fn take(self: &Arc<Self>, payload: usize) -> HeldMemory {
        let bytes = payload + OVERHEAD;
        self.used.fetch_add(bytes, Ordering::Relaxed);
        HeldMemory { gauge: Arc::clone(self), bytes }
    }

    /// How many deliveries of about `average` payload bytes still fit.
    pub(crate) fn fits(&self, average: usize) -> usize {
        self.limit.saturating_sub(self.used.load(Ordering::Relaxed)) / (average + OVERHEAD)
    }

    /// Bytes in use.
    pub(crate) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }
}

/// Bytes taken from a gauge; given back when dropped.
#[derive(Debug)]
pub(crate) struct HeldMemory {
    gauge: Arc<MemoryGauge>,
    bytes: usize,
}

impl Drop for HeldMemory {
    fn drop(&mut self) {
        self.gauge.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_given_back() {
        let gauge = MemoryGauge::new(4 * OVERHEAD);
        let one = gauge.try_take(OVERHEAD).expect("half of it fits");
        assert_eq!(gauge.used(), 2 * OVERHEAD);
        assert!(gauge.try_take(4 * OVERHEAD).is_none(), "more than is left does not fit");
        assert_eq!(gauge.used(), 2 * OVERHEAD, "a refusal costs nothing");
        drop(one);
        assert_eq!(gauge.used(), 0);
    }

    #[test]
    fn one_giant_always_fits() {
        let gauge = MemoryGauge::new(1);
        assert!(gauge.try_take(10_000).is_some());
    }
}
