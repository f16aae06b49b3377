use std::io::{self, Write};

use anyhow::bail;
use callbacks_core::access::audit_chain::tell_across_tenants;
use callbacks_models::resealing::{
    SEALED_COLUMNS, SealedColumn, check_keys_across_tenants, remaining_across_tenants,
    reseal_step_across_tenants,
};
use callbacks_models::store::Store;
use serde_json::json;

use super::keys::acting;

/// How the stored secrets are moved to the current key
#[derive(Debug, Clone, Copy, clap::Args)]
pub(super) struct Rotation {
    /// Secrets encrypted anew in one transaction
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u16).range(1..=5000))]
    batch: u16,
}

impl Rotation {
    pub(super) async fn carry_out(self, store: &Store) -> anyhow::Result<()> {
        check_keys_across_tenants(store).await?;
        let key = store.current_encryption_key();
        // Many transactions, and a killed one goes on where it was: its entries are the first thing it does and the last.
        let store = &acting(store, "keys rotate-encryption", String::new());
        tell_across_tenants(store, &json!({ "keyId": key, "state": "begun" })).await?;
        let (mut resealed, mut unreadable) = (0, 0);
        for column in SEALED_COLUMNS {
            let (done, left) = self.column(store, *column).await?;
            resealed += done;
            unreadable += left;
        }
        let outcome =
            json!({ "keyId": key, "state": "done", "resealed": resealed, "unreadable": unreadable });
        tell_across_tenants(store, &outcome).await?;
        if unreadable > 0 {
            bail!("{unreadable} secrets cannot be decrypted and stay as they are; the log names their rows");
        }
        writeln!(
            io::stdout(),
            "done: {resealed} encrypted anew; all secrets are encrypted with key {key:?}"
        )?;
        Ok(())
    }

    async fn column(self, store: &Store, column: SealedColumn) -> anyhow::Result<(usize, usize)> {
        let all = remaining_across_tenants(store, column).await?;
        let (mut resealed, mut unreadable, mut after) = (0, 0, None);
        loop {
            let step = reseal_step_across_tenants(store, column, after, self.batch).await?;
            resealed += step.resealed;
            unreadable += step.unreadable;
            let Some(last) = step.last else { break };
            after = Some(last);
            writeln!(io::stdout(), "{}.{}: {resealed} of {all}", column.table, column.column)?;
        }
        Ok((resealed, unreadable))
    }
}
