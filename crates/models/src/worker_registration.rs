//! The worker's row: its heartbeat, and with it the right to write outcomes.

use callbacks_interfaces::ids::WorkerId;

use crate::error::StoreError;
use crate::hot_connections::within;
use crate::store::Store;

/// Registers a new worker. Its id must never have been used before.
///
/// # Errors
/// When the database fails, or the id is taken.
pub async fn register(store: &Store, worker: WorkerId) -> Result<(), StoreError> {
    let mut connection = store.queue.acquire().await?;
    let query = sqlx::query!("INSERT INTO workers (id) VALUES ($1)", worker.uuid());
    within(connection.patience(), query.execute(&mut *connection)).await?;
    connection.keep();
    Ok(())
}

/// Says that the worker lives, and tells how many do. `None` means its row is gone: its work belongs to others now, so it must drop what it
/// holds in memory and register under a new id.
///
/// # Errors
/// When the database fails.
pub async fn heartbeat(store: &Store, worker: WorkerId) -> Result<Option<u32>, StoreError> {
    let mut connection = store.queue.acquire().await?;
    let query = sqlx::query_scalar!(
        r#"
        UPDATE workers SET heartbeat_at = now() WHERE id = $1
        RETURNING (SELECT count(*) FROM workers) AS "workers!"
        "#,
        worker.uuid(),
    );
    let workers = within(connection.patience(), query.fetch_optional(&mut *connection)).await?;
    connection.keep();
    Ok(workers.map(|many| u32::try_from(many).unwrap_or(u32::MAX)))
}
