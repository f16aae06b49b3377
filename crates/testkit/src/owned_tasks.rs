//! Tasks that end with the value that owns them.

use std::future::Future;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::task::JoinSet;

/// Background tasks; all are aborted when the last clone is dropped.
#[derive(Debug, Clone, Default)]
pub(crate) struct OwnedTasks(Arc<Mutex<JoinSet<()>>>);

impl OwnedTasks {
    /// Runs `task` until it ends or its owner does. Finished tasks are let go on the way.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.0.lock();
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
    }

    /// Ends everything now.
    pub(crate) fn abort_all(&self) {
        self.0.lock().abort_all();
    }
}
