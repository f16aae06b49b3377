//! A database that is away: for as long as this lives, every connection to it is silent and soon broken.

use std::sync::Arc;
use std::time::Duration;

use callbacks_testkit::chaos_proxy::{ChaosProxy, Weather};
use tokio::task::AbortHandle;

/// How long a connection attempt seems to succeed.
const FALSE_HOPE: Duration = Duration::from_millis(20);

/// The outage; it ends when dropped.
pub(crate) struct Outage {
    proxy: Arc<ChaosProxy>,
    cutting: AbortHandle,
}

impl Outage {
    /// Takes the database behind `proxy` away.
    pub(crate) fn begin(proxy: &Arc<ChaosProxy>) -> Self {
        proxy.set(Weather { black_hole: true, ..Weather::default() });
        let cut = Arc::clone(proxy);
        let cutting = tokio::spawn(async move {
            loop {
                cut.cut();
                tokio::time::sleep(FALSE_HOPE).await;
            }
        });
        Self { proxy: Arc::clone(proxy), cutting: cutting.abort_handle() }
    }
}

impl Drop for Outage {
    fn drop(&mut self) {
        self.cutting.abort();
        self.proxy.set(Weather::default());
        self.proxy.cut();
    }
}
