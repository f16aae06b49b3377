//! Which intake batches still have deliveries without a committed outcome. Their rows are this worker's lease.

use std::collections::HashMap;

use parking_lot::Mutex;
use tokio::sync::Notify;

/// Counts down the deliveries of each batch. A batch is closed only after the flush that recorded its last delivery has
/// committed, and its row is deleted by the flush after that.
#[derive(Debug, Default)]
pub(crate) struct OpenBatches {
    inner: Mutex<Inner>,
    closed: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    open: HashMap<i64, usize>,
    closed: Vec<i64>,
}

impl OpenBatches {
    /// A batch of `deliveries` in memory; none closes it at once.
    pub(crate) fn open(&self, batch: i64, deliveries: usize) {
        let mut inner = self.inner.lock();
        if deliveries == 0 {
            inner.closed.push(batch);
            self.closed.notify_one();
        } else {
            inner.open.insert(batch, deliveries);
        }
    }

    /// These outcomes (one entry a delivery) are committed.
    pub(crate) fn committed(&self, batches: impl Iterator<Item = i64>) {
        let mut inner = self.inner.lock();
        for batch in batches {
            if let Some(left) = inner.open.get_mut(&batch) {
                *left -= 1;
                if *left == 0 {
                    inner.open.remove(&batch);
                    inner.closed.push(batch);
                    self.closed.notify_one();
                }
            }
        }
    }

    /// Takes the closed batches, for the flush that deletes their rows.
    pub(crate) fn take_closed(&self) -> Vec<i64> {
        std::mem::take(&mut self.inner.lock().closed)
    }

    pub(crate) fn has_closed(&self) -> bool {
        !self.inner.lock().closed.is_empty()
    }

    /// Resolves when there are closed batches.
    pub(crate) async fn some_closed(&self) {
        while !self.has_closed() {
            self.closed.notified().await;
        }
    }

    /// Forgets everything: the registration the batches belonged to is gone.
    pub(crate) fn clear(&self) {
        *self.inner.lock() = Inner::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_closes_with_its_last_delivery() {
        let batches = OpenBatches::default();
        batches.open(7, 2);
        batches.open(8, 0);
        assert_eq!(batches.take_closed(), vec![8]);
        batches.committed([7].into_iter());
        assert!(!batches.has_closed());
        batches.committed([7, 99].into_iter());
        assert_eq!(batches.take_closed(), vec![7]);
        assert!(!batches.has_closed());
    }
}
