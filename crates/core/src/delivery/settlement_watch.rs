//! Who waits for an event's deliveries. The recorder tells it of every settlement it has committed; while nobody waits,
//! that costs one load.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use callbacks_interfaces::ids::EventRowId;
use callbacks_models::settlement::Settled;
use parking_lot::Mutex;
use tokio::sync::Notify;

/// Most that may wait; others have to look for themselves.
const WATCHING_MAX: usize = 4096;

/// The events somebody waits for.
#[derive(Debug, Default)]
pub(crate) struct SettlementWatch {
    /// How many entries there are.
    count: AtomicUsize,
    events: Mutex<HashMap<EventRowId, Vec<Arc<Notify>>>>,
}

impl SettlementWatch {
    /// Watches an event from now on; `None` when too many are watched.
    pub(crate) fn watch(self: &Arc<Self>, event: EventRowId) -> Option<Watching> {
        let bell = Arc::new(Notify::new());
        let mut events = self.events.lock();
        if self.count.load(Ordering::Acquire) >= WATCHING_MAX {
            return None;
        }
        self.count.fetch_add(1, Ordering::AcqRel);
        events.entry(event).or_default().push(Arc::clone(&bell));
        Some(Watching { watch: Arc::clone(self), event, bell })
    }

    /// Tells who waits for the events of these outcomes, which are committed.
    pub(crate) fn committed(&self, settled: &[Settled]) {
        if self.count.load(Ordering::Acquire) == 0 {
            return;
        }
        let events = self.events.lock();
        for bell in settled.iter().filter_map(|one| events.get(&one.event.row_id)).flatten() {
            bell.notify_one();
        }
    }
}

/// One event, watched until this is dropped.
#[derive(Debug)]
pub(crate) struct Watching {
    watch: Arc<SettlementWatch>,
    event: EventRowId,
    bell: Arc<Notify>,
}

impl Watching {
    /// Resolves when something was settled since the last call, or since the watch began.
    pub(crate) async fn settled(&self) {
        self.bell.notified().await;
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let mut events = self.watch.events.lock();
        if let Some(bells) = events.get_mut(&self.event) {
            bells.retain(|bell| !Arc::ptr_eq(bell, &self.bell));
            if bells.is_empty() {
                events.remove(&self.event);
            }
        }
        self.watch.count.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use callbacks_interfaces::event_type::EventType;
    use callbacks_interfaces::ids::ConfigurationId;
    use callbacks_interfaces::tenant::TenantId;
    use callbacks_models::settlement::{EventRef, Next};
    use time::OffsetDateTime;

    use super::*;

    fn outcome(event: EventRowId) -> Settled {
        let reference = EventRef {
            row_id: event,
            accepted_at: OffsetDateTime::UNIX_EPOCH,
            tenant: TenantId::default_tenant(),
            event_id: None,
            source_event_id: None,
            event_type: EventType::try_from("order.created").expect("a type"),
        };
        Settled {
            event: reference,
            configuration_id: ConfigurationId::now_v7(),
            from_queue: false,
            execution: None,
            next: Next::Done,
        }
    }

    async fn rings(watching: &Watching) -> bool {
        tokio::time::timeout(Duration::from_millis(50), watching.settled()).await.is_ok()
    }

    #[tokio::test]
    async fn everyone_who_waits_for_the_event_is_told_and_nobody_else() {
        let watch = Arc::new(SettlementWatch::default());
        let (mine, other) = (EventRowId::now_v7(), EventRowId::now_v7());
        let first = watch.watch(mine).expect("room");
        let second = watch.watch(mine).expect("room");
        let third = watch.watch(other).expect("room");
        watch.committed(&[outcome(mine), outcome(EventRowId::now_v7())]);
        assert!(rings(&first).await && rings(&second).await, "told even before they listened");
        assert!(!rings(&third).await && !rings(&first).await);
        drop(first);
        watch.committed(&[outcome(mine)]);
        assert!(rings(&second).await);
    }

    #[test]
    fn what_is_dropped_is_forgotten_and_there_is_a_bound() {
        let watch = Arc::new(SettlementWatch::default());
        let event = EventRowId::now_v7();
        let all: Vec<_> = (0..WATCHING_MAX).map(|_| watch.watch(event).expect("room")).collect();
        assert!(watch.watch(event).is_none());
        drop(all);
        assert!(watch.events.lock().is_empty());
        assert_eq!(watch.count.load(Ordering::Relaxed), 0);
        assert!(watch.watch(event).is_some());
    }
}
