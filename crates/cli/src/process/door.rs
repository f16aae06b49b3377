//! Who must show what at the API's door, and the task that keeps the keys current.

use std::io::{self, Write};
use std::sync::Arc;

use anyhow::Context;
use callbacks_core::access::key_ring::KeyRing;
use callbacks_core::clock::SystemClock;
use callbacks_models::store::Store;
use callbacks_web::auth::guard::Guard;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::settings::{Authentication, Settings};

/// The guard and, where there are keys, the task behind them.
pub(super) struct ApiDoor {
    pub(super) guard: Guard,
    keeper: Option<JoinHandle<()>>,
    stop: CancellationToken,
}

impl ApiDoor {
    /// Builds what `security.authentication` says.
    ///
    /// # Errors
    /// When the keys cannot be read.
    pub(super) async fn open(settings: &Settings, store: &Store) -> anyhow::Result<Self> {
        let stop = CancellationToken::new();
        if settings.security.authentication == Authentication::Off {
            return Ok(Self { guard: Guard::Open, keeper: None, stop });
        }
        let pace = Some(settings.security.requests_per_second_per_key).filter(|pace| *pace > 0);
        let keys = KeyRing::load(Arc::new(store.clone()), Arc::new(SystemClock), pace)
            .await
            .context("the API keys could not be read")?;
        if !keys.has_operator() {
            writeln!(
                io::stdout(),
                "No operator key exists yet. Make the first one with the same settings, beside the running service:\n  \
                 callbacks keys create --role operator --name \"your name\""
            )?;
        }
        let keys = Arc::new(keys);
        let keeper = tokio::spawn({
            let (keys, stop) = (Arc::clone(&keys), stop.clone());
            async move { keys.run(stop).await }
        });
        Ok(Self { guard: Guard::ApiKeys(keys), keeper: Some(keeper), stop })
    }

    /// Ends the task, after it has noted when keys were used last.
    pub(super) async fn close(self) {
        self.stop.cancel();
        if let Some(keeper) = self.keeper {
            // An error means that it panicked, which was logged.
            let _ = keeper.await;
        }
    }
}
