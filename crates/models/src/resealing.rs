//! Moves every stored secret to the current encryption key, in small steps, while the service runs.
//!
//! A stored text says which key it was written with, so what is left to do is always seen from the rows themselves:
//! a run that was killed is resumed by the next one, and two runs at once do no harm. A row that is changed meanwhile
//! keeps the change, because a text is only replaced by its own re-encryption.

use callbacks_interfaces::tenant::TenantId;
use sqlx::types::Uuid;
use sqlx::{AssertSqlSafe, Executor};

use crate::configuration_target::{
    AUTH_COLUMN, HEADERS_COLUMN, SECRET_COLUMN, SIGNING_KEY_COLUMN, TLS_COLUMN,
};
use crate::error::StoreError;
use crate::event_ref::stored_tenant;
use crate::payload_keys::DATA_KEY_COLUMN;
use crate::secret_column::SecretPlace;
use crate::store::Store;
use crate::subscription_row::{CONNECTION_COLUMN, PROPERTIES_COLUMN};

/// A column that holds encrypted text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealedColumn {
    /// Its table; the row's key is `id`, its tenant `tenant_id`.
    pub table: &'static str,
    /// Its name.
    pub column: &'static str,
    /// The logical column its texts are bound to.
    place: &'static str,
}

const fn sealed(table: &'static str, column: &'static str, place: &'static str) -> SealedColumn {
    SealedColumn { table, column, place }
}

/// Every one there is. A test looks for encrypted text elsewhere.
pub const SEALED_COLUMNS: &[SealedColumn] = &[
    sealed("callback_configurations", "secret", SECRET_COLUMN),
    sealed("callback_configurations", "previous_secret", SECRET_COLUMN),
    sealed("callback_configurations", "older_secret", SECRET_COLUMN),
    sealed("callback_configurations", "signing_key", SIGNING_KEY_COLUMN),
    sealed("callback_configurations", "previous_signing_key", SIGNING_KEY_COLUMN),
    sealed("callback_configurations", "older_signing_key", SIGNING_KEY_COLUMN),
    sealed("callback_configurations", "custom_headers", HEADERS_COLUMN),
    sealed("callback_configurations", "endpoint_auth", AUTH_COLUMN),
    sealed("callback_configurations", "endpoint_tls", TLS_COLUMN),
    sealed("event_subscriptions", "connection_config", CONNECTION_COLUMN),
    sealed("event_subscriptions", "consumer_properties", PROPERTIES_COLUMN),
    sealed("tenant_data_keys", "sealed_key", DATA_KEY_COLUMN),
];

/// What one step did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// Texts that are now encrypted with the current key.
    pub resealed: usize,
    /// Texts that cannot be decrypted, and stay as they are.
    pub unreadable: usize,
    /// The last row looked at; `None` when there is nothing left behind it.
    pub last: Option<Uuid>,
}

/// Re-encrypts up to `most` texts of one column that are not encrypted with the current key, of rows after `after`.
///
/// # Errors
/// When the database fails; nothing of this step is written then.
pub async fn reseal_step_across_tenants(
    store: &Store,
    column: SealedColumn,
    after: Option<Uuid>,
    most: u16,
) -> Result<Step, StoreError> {
    let SealedColumn { table, column: name, place } = column;
    let mut transaction = store.engine.begin().await?;
    let found: Vec<(Uuid, String, String)> = sqlx::query_as(AssertSqlSafe(format!(
        "SELECT id, tenant_id, {name} FROM {table}
         WHERE {name} IS NOT NULL AND NOT starts_with({name}, $1) AND ($2::uuid IS NULL OR id > $2)
         ORDER BY id LIMIT $3"
    )))
    .bind(store.keyring.current_prefix())
    .bind(after)
    .bind(i64::from(most))
    .fetch_all(&mut *transaction)
    .await?;
    let mut step = Step { last: found.last().map(|(id, _, _)| *id), ..Step::default() };
    let (mut ids, mut old, mut new) = (Vec::new(), Vec::new(), Vec::new());
    for (id, tenant, text) in found {
        match resealed(store, &tenant, id, place, &text)? {
            Some(again) => {
                ids.push(id);
                old.push(text);
                new.push(again);
            }
            None => step.unreadable += 1,
        }
    }
    transaction.execute("SET LOCAL callbacks.resealing = 'on'").await?;
    let done = sqlx::query(AssertSqlSafe(format!(
        "UPDATE {table} AS t SET {name} = n.sealed
         FROM UNNEST($1::uuid[], $2::text[], $3::text[]) AS n(id, found, sealed)
         WHERE t.id = n.id AND t.{name} = n.found"
    )))
    .bind(&ids)
    .bind(&old)
    .bind(&new)
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    step.resealed = usize::try_from(done.rows_affected()).unwrap_or_default();
    Ok(step)
}

fn resealed(
    store: &Store,
    tenant: &str,
    row: Uuid,
    column: &'static str,
    text: &str,
) -> Result<Option<String>, StoreError> {
    let tenant: TenantId = stored_tenant(tenant)?;
    let place = SecretPlace { tenant: &tenant, row, column };
    match store.keyring.open(place, text) {
        Ok(plain) => Ok(Some(store.keyring.seal(place, &plain)?)),
        Err(error) => {
            place.report(&error);
            Ok(None)
        }
    }
}

/// Texts that are not encrypted with the current key.
///
/// # Errors
/// When the database fails.
pub async fn remaining_across_tenants(store: &Store, column: SealedColumn) -> Result<i64, StoreError> {
    let SealedColumn { table, column: name, .. } = column;
    let count = sqlx::query_scalar(AssertSqlSafe(format!(
        "SELECT count(*) FROM {table} WHERE {name} IS NOT NULL AND NOT starts_with({name}, $1)"
    )))
    .bind(store.keyring.current_prefix())
    .fetch_one(&store.engine)
    .await?;
    Ok(count)
}

/// Checks that every stored secret's key is configured, and is the key it was written with (by one secret of each).
///
/// # Errors
/// `Unsuitable`, naming the key and what to do.
pub async fn check_keys_across_tenants(store: &Store) -> Result<(), StoreError> {
    for SealedColumn { table, column: name, place } in SEALED_COLUMNS {
        let samples: Vec<(String, i64, Uuid, String, String)> = sqlx::query_as(AssertSqlSafe(format!(
            "SELECT k.key, k.count, t.id, t.tenant_id, t.{name}
             FROM (SELECT split_part({name}, ':', 2) AS key, count(*) AS count, min(id::text)::uuid AS id
                   FROM {table} WHERE {name} IS NOT NULL GROUP BY 1) AS k
             JOIN {table} t ON t.id = k.id ORDER BY k.key"
        )))
        .fetch_all(&store.engine)
        .await?;
        for (key, count, row, tenant, text) in samples {
            if !store.keyring.has_key(&key) {
                return Err(StoreError::Unsuitable(format!(
                    "{count} values of {table}.{name} are encrypted with the key {key:?}, which is not configured: add it \
                     to security.encryption_key (or its file) as {key}:<base64>, behind the current key"
                )));
            }
            let tenant = stored_tenant(&tenant)?;
            if store.keyring.open(SecretPlace { tenant: &tenant, row, column: place }, &text).is_err() {
                return Err(StoreError::Unsuitable(format!(
                    "the configured key {key:?} is not the one that {table}.{name} of row {row} was encrypted with: give the \
                     service the right one, or the deliveries of {count} rows would be held"
                )));
            }
        }
    }
    Ok(())
}
