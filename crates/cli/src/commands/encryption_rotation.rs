use std::io::{self, Write};

use anyhow::{Context as _, bail};
use callbacks_core::access::audit_chain::{self, Happening};
use callbacks_core::access::role::Role;
use callbacks_core::clock::{Clock as _, SystemClock};
use callbacks_models::resealing::{
    SEALED_COLUMNS, SealedColumn, check_keys_across_tenants, remaining_across_tenants,
    reseal_step_across_tenants,
};
use callbacks_models::store::Store;
use serde_json::json;

use super::keys::actor;

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
        let (mut resealed, mut unreadable) = (0, 0);
        for column in SEALED_COLUMNS {
            let (done, left) = self.column(store, *column).await?;
            resealed += done;
            unreadable += left;
        }
        let key = store.current_encryption_key();
        tell(store, key, resealed, unreadable).await?;
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

async fn tell(store: &Store, key: &str, resealed: usize, unreadable: usize) -> anyhow::Result<()> {
    let happening = Happening {
        tenant_id: String::new(),
        actor: actor(),
        role: Role::Operator.to_string(),
        operation: "keys rotate-encryption".to_owned(),
        target: String::new(),
        status: 0,
        before: None,
        after: Some(json!({ "keyId": key, "resealed": resealed, "unreadable": unreadable })),
    };
    audit_chain::append(store, SystemClock.now(), happening)
        .await
        .context("done, but the audit log could not be told")
}
