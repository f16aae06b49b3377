//! Answers of earlier writes, by the key their caller gave them.

use std::time::Duration;

use crate::error::StoreError;
use crate::execution_row::document;
use crate::store::Store;

/// A write made with an idempotency key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotentRequest {
    /// Whose key it is; keys of different callers never meet.
    pub tenant: String,
    /// The request's method.
    pub method: String,
    /// The request's path.
    pub path: String,
    /// The key.
    pub key: String,
    /// What identifies the rest of the request.
    pub body_hash: [u8; 32],
}

/// An answer as it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredAnswer {
    /// The HTTP status.
    pub status: u16,
    /// Names and values of the headers to repeat.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// What is known about a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Nothing: it is claimed now, and the request is to be carried out.
    First,
    /// The first request with it is still being carried out.
    Running,
    /// The first request with it was answered.
    Finished(StoredAnswer),
    /// It was used for a different request.
    Different,
}

/// Claims a key. An answer older than `keep_for`, and a claim without an answer older than `abandoned_after`, are
/// forgotten.
///
/// # Errors
/// When the database fails.
pub async fn claim(
    store: &Store,
    request: &IdempotentRequest,
    keep_for: Duration,
    abandoned_after: Duration,
) -> Result<Claim, StoreError> {
    loop {
        if try_claim(store, request, keep_for, abandoned_after).await? {
            return Ok(Claim::First);
        }
        // The row may have been given back between the two statements; then it can be claimed.
        if let Some(found) = look_up(store, request).await? {
            return Ok(found);
        }
    }
}

async fn try_claim(
    store: &Store,
    request: &IdempotentRequest,
    keep_for: Duration,
    abandoned_after: Duration,
) -> Result<bool, StoreError> {
    let milliseconds = |limit: Duration| i64::try_from(limit.as_millis()).unwrap_or(i64::MAX / 4);
    let mut transaction = store.begin_for_named(&request.tenant).await?;
    let done = sqlx::query!(
        r#"
        INSERT INTO idempotency_keys AS k (tenant_id, method, path, key, body_hash)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (tenant_id, method, path, key) DO UPDATE SET
            body_hash = EXCLUDED.body_hash, status = NULL, headers = NULL, body = NULL, created_at = now()
        WHERE k.created_at < now() - $6::bigint * interval '1 millisecond'
           OR (k.status IS NULL AND k.created_at < now() - $7::bigint * interval '1 millisecond')
        "#,
        request.tenant,
        request.method,
        request.path,
        request.key,
        request.body_hash.as_slice(),
        milliseconds(keep_for),
        milliseconds(abandoned_after),
    )
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(done.rows_affected() == 1)
}

async fn look_up(store: &Store, request: &IdempotentRequest) -> Result<Option<Claim>, StoreError> {
    let mut transaction = store.begin_for_named(&request.tenant).await?;
    let row = sqlx::query!(
        r#"
        SELECT body_hash, status, headers, body FROM idempotency_keys
        WHERE tenant_id = $1 AND method = $2 AND path = $3 AND key = $4
        "#,
        request.tenant,
        request.method,
        request.path,
        request.key,
    )
    .fetch_optional(&mut *transaction)
    .await?;
    let Some(row) = row else { return Ok(None) };
    if row.body_hash != request.body_hash {
        return Ok(Some(Claim::Different));
    }
    let Some(status) = row.status else {
        return Ok(Some(Claim::Running));
    };

    Ok(Some(Claim::Finished(StoredAnswer {
        status: u16::try_from(status).map_err(|error| StoreError::corrupt("status", error))?,
        headers: document("headers", row.headers.as_deref())?.unwrap_or_default(),
        body: row.body.unwrap_or_default(),
    })))
}

/// Keeps the answer to a claimed request.
///
/// # Errors
/// When the database fails.
pub async fn finish(
    store: &Store,
    request: &IdempotentRequest,
    answer: &StoredAnswer,
) -> Result<(), StoreError> {
    let headers =
        serde_json::to_string(&answer.headers).map_err(|error| StoreError::corrupt("headers", error))?;
    let mut transaction = store.begin_for_named(&request.tenant).await?;
    sqlx::query!(
        r#"
        UPDATE idempotency_keys SET status = $6, headers = $7, body = $8
        WHERE tenant_id = $1 AND method = $2 AND path = $3 AND key = $4 AND body_hash = $5 AND status IS NULL
        "#,
        request.tenant,
        request.method,
        request.path,
        request.key,
        request.body_hash.as_slice(),
        i16::try_from(answer.status).unwrap_or(i16::MAX),
        headers,
        answer.body,
    )
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(())
}

/// Gives a claimed key back, so that the request can be made again.
///
/// # Errors
/// When the database fails.
pub async fn release(store: &Store, request: &IdempotentRequest) -> Result<(), StoreError> {
    let mut transaction = store.begin_for_named(&request.tenant).await?;
    sqlx::query!(
        r#"
        DELETE FROM idempotency_keys
        WHERE tenant_id = $1 AND method = $2 AND path = $3 AND key = $4 AND body_hash = $5 AND status IS NULL
        "#,
        request.tenant,
        request.method,
        request.path,
        request.key,
        request.body_hash.as_slice(),
    )
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(())
}
