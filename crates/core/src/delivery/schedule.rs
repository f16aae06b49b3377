//! When which lane wants to be looked at again: retries that fall due, holds that end.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use callbacks_interfaces::ids::ConfigurationId;
use parking_lot::Mutex;
use tokio::sync::Notify;

/// Times are rounded up to this, so that a thousand retries of one lane are one entry.
const GRAIN: Duration = Duration::from_millis(20);
/// Beyond this many entries new ones are dropped: the periodic look into the queue finds their lanes anyway.
const LIMIT: usize = 100_000;

/// Wake-ups by lane, earliest first.
#[derive(Debug)]
pub(crate) struct Schedule {
    start: Instant,
    entries: Mutex<BTreeSet<(u64, ConfigurationId)>>,
    look: AtomicBool,
    changed: Notify,
}

impl Schedule {
    pub(crate) fn new(start: Instant) -> Self {
        Self {
            start,
            entries: Mutex::new(BTreeSet::new()),
            look: AtomicBool::new(false),
            changed: Notify::new(),
        }
    }

    /// Asks for a look at `lane` at `at`, or up to 20 ms later.
    pub(crate) fn wake_at(&self, lane: ConfigurationId, at: Instant) {
        let since_start = at.saturating_duration_since(self.start);
        let grain = since_start.as_nanos().div_ceil(GRAIN.as_nanos()) as u64;
        let mut entries = self.entries.lock();
        if entries.len() >= LIMIT {
            return;
        }
        let earlier = entries.first().is_none_or(|(first, _)| grain < *first);
        entries.insert((grain, lane));
        drop(entries);
        if earlier {
            self.changed.notify_one();
        }
    }

    /// Asks for a look at `lane` at once.
    pub(crate) fn wake(&self, lane: ConfigurationId) {
        let mut entries = self.entries.lock();
        if entries.len() < LIMIT {
            entries.insert((0, lane));
        }
        drop(entries);
        self.changed.notify_one();
    }

    /// Asks for a search of the queue table at once: work of unknown lanes was put into it.
    pub(crate) fn look_now(&self) {
        self.look.store(true, Ordering::Release);
        self.changed.notify_one();
    }

    /// Whether a search was asked for since the last call.
    pub(crate) fn take_look(&self) -> bool {
        self.look.swap(false, Ordering::AcqRel)
    }

    /// Takes out every lane whose time has come.
    pub(crate) fn due(&self, now: Instant) -> BTreeSet<ConfigurationId> {
        let grain = (now.saturating_duration_since(self.start).as_nanos() / GRAIN.as_nanos()) as u64;
        let mut entries = self.entries.lock();
        let later = entries.split_off(&(grain + 1, ConfigurationId::from(uuid::Uuid::nil())));
        let due = std::mem::replace(&mut *entries, later);
        due.into_iter().map(|(_, lane)| lane).collect()
    }

    /// The earliest entry's time.
    pub(crate) fn next(&self) -> Option<Instant> {
        let grain = self.entries.lock().first()?.0;
        Some(self.start + Duration::from_nanos(grain.saturating_mul(GRAIN.as_nanos() as u64)))
    }

    /// Resolves when an entry earlier than all others was added.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_come_out_in_time_and_once() {
        let start = Instant::now();
        let schedule = Schedule::new(start);
        let (a, b) = (ConfigurationId::now_v7(), ConfigurationId::now_v7());
        schedule.wake_at(a, start + Duration::from_millis(95));
        schedule.wake_at(a, start + Duration::from_millis(99));
        schedule.wake_at(b, start + Duration::from_millis(500));
        assert!(schedule.due(start + Duration::from_millis(94)).is_empty(), "never early");
        assert_eq!(schedule.next(), Some(start + Duration::from_millis(100)));
        assert_eq!(schedule.due(start + Duration::from_millis(100)), BTreeSet::from([a]));
        schedule.wake(a);
        assert_eq!(schedule.due(start + Duration::from_millis(100)), BTreeSet::from([a]));
        assert_eq!(schedule.due(start + Duration::from_secs(1)), BTreeSet::from([b]));
        assert_eq!(schedule.next(), None);
    }
}
