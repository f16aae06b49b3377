//! Carries out replays of many events, page by page, at the rate each asks for.

use std::sync::Arc;
use std::time::Duration;

use callbacks_models::replays;
use callbacks_models::store::Store;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::delivery::schedule::Schedule;

/// How often it is looked for replays when none was running.
const IDLE: Duration = Duration::from_secs(1);
/// How often while some are: the shortest time between two pages.
const BUSY: Duration = Duration::from_millis(100);

/// Runs until cancelled. What a page queues is committed with the page, so another replica, or the next start, goes on
/// behind it.
pub(crate) async fn run(store: Arc<Store>, schedule: Arc<Schedule>, stop: CancellationToken) {
    loop {
        let pause = match replays::next_page_across_tenants(&store).await {
            Ok(Some(page)) => {
                if page.queued > 0 {
                    schedule.wake(page.configuration);
                }
                BUSY
            }
            Ok(None) => IDLE,
            Err(error) => {
                warn!(%error, "a replay could not go on; it does as soon as the database answers");
                IDLE
            }
        };
        if stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
            return;
        }
    }
}
