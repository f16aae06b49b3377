//! PostgreSQL's notifications: a hint that something changed elsewhere. They may be lost, so every listener also polls.

use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::PgListener;

use crate::error::StoreError;
use crate::store::Store;

/// A tenant's configurations or domains changed; the payload names the tenant.
pub const DIRECTORY_CHANNEL: &str = "callbacks_directory";
/// A tenant's broker subscriptions changed; the payload names the tenant.
pub const SUBSCRIPTIONS_CHANNEL: &str = "callbacks_subscriptions";

/// The set of accepted API keys may have changed; no payload.
pub const ACCESS_CHANNEL: &str = "callbacks_access";

/// How long to leave the database alone after it could not be reached.
const PAUSE: Duration = Duration::from_secs(1);

/// Listens to one channel, on a connection of the engine's pool, and reconnects by itself for as long as it takes.
pub struct Listener {
    pool: PgPool,
    channel: &'static str,
    connected: Option<PgListener>,
}

impl Listener {
    /// Connects when first asked.
    #[must_use]
    pub fn new(store: &Store, channel: &'static str) -> Self {
        Self { pool: store.engine.clone(), channel, connected: None }
    }

    /// Waits until something was notified, or may have been while the connection was down. Dropping the future loses
    /// nothing.
    pub async fn heard(&mut self) {
        loop {
            match self.try_hear().await {
                Ok(()) => return,
                Err(error) => {
                    tracing::debug!(%error, channel = self.channel, "not listening; trying again");
                    self.connected = None;
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    async fn try_hear(&mut self) -> Result<(), StoreError> {
        if let Some(listener) = &mut self.connected {
            // `None` = the connection was lost, so something may have been missed.
            if listener.try_recv().await?.is_none() {
                self.connected = None;
            }
        } else {
            let mut listener = PgListener::connect_with(&self.pool).await?;
            listener.listen(self.channel).await?;
            self.connected = Some(listener);
        }
        Ok(())
    }
}
