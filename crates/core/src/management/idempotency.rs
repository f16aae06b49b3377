//! Answers of earlier writes, by the key their caller gave them.

use std::time::Duration;

use callbacks_models::idempotency as stored;

use super::Management;
use super::error::ManagementError;

pub use callbacks_models::idempotency::{Claim, IdempotentRequest, StoredAnswer};

/// How long an answer is kept.
const KEEP_FOR: Duration = Duration::from_secs(24 * 60 * 60);
/// After this long a request that never finished no longer blocks its key.
const ABANDONED_AFTER: Duration = Duration::from_secs(60);

/// Claims a key for a request, or says what became of the earlier request with it.
pub async fn claim(desk: &Management, request: &IdempotentRequest) -> Result<Claim, ManagementError> {
    Ok(stored::claim(&desk.store, request, KEEP_FOR, ABANDONED_AFTER).await?)
}

/// Keeps the answer.
pub async fn finish(
    desk: &Management,
    request: &IdempotentRequest,
    answer: &StoredAnswer,
) -> Result<(), ManagementError> {
    Ok(stored::finish(&desk.store, request, answer).await?)
}

/// Gives the key back, so that the request can be tried again.
pub async fn release(desk: &Management, request: &IdempotentRequest) -> Result<(), ManagementError> {
    Ok(stored::release(&desk.store, request).await?)
}
