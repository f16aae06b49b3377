//! The schema's history, embedded in the binary.

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::{ConnectOptions, Connection, Executor};

use crate::error::StoreError;
use crate::store::Store;
use crate::tenant_roles::check_roles;

/// Every migration, in order. Tests hand it to their private databases.
pub static MIGRATOR: Migrator = sqlx::migrate!("../../migrations");

/// Applies what is missing, and checks that the service can work in its roles. Replicas may do so at once: an advisory lock lets one go first.
///
/// # Errors
/// `Unsuitable` when this user may not take the roles of row-level security, `Database` when a migration fails or the database holds one this binary does not know; `Unavailable` when it went away.
pub async fn migrate(store: &Store) -> Result<(), StoreError> {
    let mut connection = store.owner.connect().await?;
    // Waiting for another replica's migration is not a stuck statement.
    connection.execute("SET statement_timeout = 0; SET lock_timeout = '60s'").await?;
    MIGRATOR.run_direct(None, &mut connection, false).await.map_err(from_migration)?;
    let checked = check_roles(&mut connection).await;
    connection.close().await?;
    checked
}

fn from_migration(error: MigrateError) -> StoreError {
    match error {
        MigrateError::Execute(cause) | MigrateError::ExecuteMigration(cause, _) => cause.into(),
        other => StoreError::Database(sqlx::Error::Migrate(Box::new(other))),
    }
}
