//! The schema's history, embedded in the binary.

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::{Connection, Executor};

use crate::error::StoreError;
use crate::store::Store;

/// Every migration, in order. Tests hand it to their private databases.
pub static MIGRATOR: Migrator = sqlx::migrate!("../../migrations");

/// Applies what is missing. Replicas may do so at once: an advisory lock lets one go first.
///
/// # Errors
/// `Database` when a migration fails or the database holds one this binary does not know; `Unavailable` when it went away.
pub async fn migrate(store: &Store) -> Result<(), StoreError> {
    let mut connection = store.api.acquire().await?.detach();
    // Waiting for another replica's migration is not a stuck statement.
    connection.execute("SET statement_timeout = 0; SET lock_timeout = '60s'").await?;
    MIGRATOR.run_direct(None, &mut connection, false).await.map_err(from_migration)?;
    connection.close().await?;
    Ok(())
}

fn from_migration(error: MigrateError) -> StoreError {
    match error {
        MigrateError::Execute(cause) | MigrateError::ExecuteMigration(cause, _) => cause.into(),
        other => StoreError::Database(sqlx::Error::Migrate(Box::new(other))),
    }
}
