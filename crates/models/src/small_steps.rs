//! Housekeeping over many rows in statements that each touch few, so that none takes long.

use sqlx::postgres::PgQueryResult;

use crate::error::StoreError;

/// Rows one statement takes at most.
pub(crate) const STEP: usize = 5_000;

/// Runs a statement that takes at most [`STEP`] rows until it finds fewer. Answers how many rows it took in all.
pub(crate) async fn in_small_steps<F>(mut statement: impl FnMut() -> F) -> Result<u64, StoreError>
where
    F: Future<Output = Result<PgQueryResult, sqlx::Error>>,
{
    let mut taken = 0;
    loop {
        let step = statement().await?.rows_affected();
        taken += step;
        if step < STEP as u64 {
            return Ok(taken);
        }
    }
}
