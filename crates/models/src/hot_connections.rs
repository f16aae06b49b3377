//! A few connections that belong to one flow (intake, settlement, queue) and stay prepared.
//!
//! Unlike a pool's, they are not pinged when handed back, which would double the round trips of a flush. The price is
//! paid here instead: only a connection whose statement succeeded is kept, every other one is closed.

use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Error};
use tokio::sync::{Semaphore, SemaphorePermit};

/// A bounded set of connections of one flow.
#[derive(Debug)]
pub(crate) struct HotConnections {
    options: PgConnectOptions,
    /// How long waiting for a free connection, connecting, or one statement may take.
    patience: Duration,
    permits: Semaphore,
    idle: Mutex<Vec<PgConnection>>,
}

impl HotConnections {
    pub(crate) fn new(options: PgConnectOptions, connections: u32, patience: Duration) -> Self {
        Self {
            options,
            patience,
            permits: Semaphore::new(connections.max(1) as usize),
            idle: Mutex::new(Vec::new()),
        }
    }

    /// Takes a connection, connecting if none is idle.
    ///
    /// # Errors
    /// `PoolTimedOut` when none became free in time, otherwise why connecting failed.
    pub(crate) async fn acquire(&self) -> Result<HotConnection<'_>, Error> {
        let permit = tokio::time::timeout(self.patience, self.permits.acquire())
            .await
            .map_err(|_| Error::PoolTimedOut)?
            .map_err(|_| Error::PoolClosed)?;
        let connection = match self.pop_idle() {
            Some(connection) => connection,
            None => within(self.patience, self.options.connect()).await?,
        };
        Ok(HotConnection { owner: self, connection: Some(connection), _permit: permit })
    }

    /// Closes idle connections, for instance because the server behind them went away.
    pub(crate) fn forget_idle(&self) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn pop_idle(&self) -> Option<PgConnection> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }
}

/// A connection on loan. Dropped without [`HotConnection::keep`] (error, cancellation) it is closed, because an
/// interrupted statement may have left anything on the wire.
pub(crate) struct HotConnection<'a> {
    owner: &'a HotConnections,
    connection: Option<PgConnection>,
    _permit: SemaphorePermit<'a>,
}

impl HotConnection<'_> {
    /// How long a statement on it may take; neither a dead link nor a stuck server holds the flow for longer.
    pub(crate) fn patience(&self) -> Duration {
        self.owner.patience
    }

    /// Hands the connection back for the next user.
    pub(crate) fn keep(mut self) {
        if let Some(connection) = self.connection.take() {
            self.owner.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        }
    }
}

impl Drop for HotConnection<'_> {
    fn drop(&mut self) {
        if self.connection.is_some() {
            // Its neighbours most likely lead to the same dead server.
            self.owner.forget_idle();
        }
    }
}

impl Deref for HotConnection<'_> {
    type Target = PgConnection;
    #[expect(clippy::expect_used, reason = "only `keep` takes it, and that consumes the whole")]
    fn deref(&self) -> &PgConnection {
        self.connection.as_ref().expect("present until kept")
    }
}

impl DerefMut for HotConnection<'_> {
    #[expect(clippy::expect_used, reason = "only `keep` takes it, and that consumes the whole")]
    fn deref_mut(&mut self) -> &mut PgConnection {
        self.connection.as_mut().expect("present until kept")
    }
}

/// Runs `work` for at most `limit`, counted as a timed-out connection beyond it.
pub(crate) async fn within<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    tokio::time::timeout(limit, work).await.map_err(|_| Error::PoolTimedOut)?
}
