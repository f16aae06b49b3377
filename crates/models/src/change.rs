//! A transaction that changes what somebody owns, together with the entry of the audit log that tells of it: both are
//! there or neither is.
//!
//! Management writes through [`Change`], which cannot be committed without saying what was done. The end of a chain is
//! locked last, right before the commit: whoever holds it waits for nothing more, so chains order the changes of a tenant
//! and never make two of them wait for each other. What is no management (events, outcomes, claims) goes by it.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use callbacks_interfaces::tenant::{TenantId, TenantScope};
use serde::Serialize;
use serde_json::Value;
use sqlx::postgres::PgConnection;
use sqlx::{Postgres, Transaction};

use crate::audit_log::{self, Act, Seal};
use crate::error::StoreError;
use crate::store::Store;

/// Who acts through a store, and how the entries that say so are sealed.
#[derive(Clone, Debug)]
pub(crate) struct Telling {
    pub(crate) act: Act,
    pub(crate) seal: Seal,
}

/// What a change did to something.
pub(crate) struct Told {
    /// Whose it is; empty for the service itself.
    pub(crate) tenant: String,
    pub(crate) before: Option<String>,
    pub(crate) after: Option<String>,
}

impl Told {
    /// Something is there that was not.
    pub(crate) fn created(tenant: &str, after: &impl Serialize) -> Result<Self, StoreError> {
        Ok(Self { tenant: tenant.to_owned(), before: None, after: Some(text(after)?) })
    }

    /// Something is not what it was.
    pub(crate) fn changed(
        tenant: &str,
        before: &impl Serialize,
        after: &impl Serialize,
    ) -> Result<Self, StoreError> {
        Ok(Self { tenant: tenant.to_owned(), before: Some(text(before)?), after: Some(text(after)?) })
    }

    /// Something is gone.
    pub(crate) fn deleted(tenant: &str, before: &impl Serialize) -> Result<Self, StoreError> {
        Ok(Self { tenant: tenant.to_owned(), before: Some(text(before)?), after: None })
    }
}

fn text(view: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(view).map_err(|error| StoreError::corrupt("audit_log", error))
}

/// The transaction. Dropped, it has changed nothing and tells nothing.
pub(crate) struct Change {
    transaction: Transaction<'static, Postgres>,
    telling: Option<Arc<Telling>>,
}

impl Change {
    /// Tells of what was done, and commits.
    pub(crate) async fn commit(mut self, told: impl IntoIterator<Item = Told>) -> Result<(), StoreError> {
        if let Some(telling) = self.telling.take() {
            // What is as it was before (a key revoked twice) is no change.
            let mut told: Vec<Told> = told.into_iter().filter(|one| one.before != one.after).collect();
            // One order for everybody, or two changes of the same tenants could wait for each other.
            told.sort_by(|a, b| a.tenant.cmp(&b.tenant));
            for one in told {
                audit_log::append(&mut self.transaction, &telling, one).await?;
            }
        }
        self.transaction.commit().await?;
        Ok(())
    }
}

impl Deref for Change {
    type Target = PgConnection;
    fn deref(&self) -> &PgConnection {
        &self.transaction
    }
}

impl DerefMut for Change {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.transaction
    }
}

impl Store {
    /// This store in the hands of somebody whose changes are told to the audit log.
    #[must_use]
    pub fn acting(&self, act: Act, seal: Seal) -> Self {
        Self { telling: Some(Arc::new(Telling { act, seal })), ..self.clone() }
    }

    /// A change of a scope's rows.
    pub(crate) async fn change(&self, scope: &TenantScope) -> Result<Change, sqlx::Error> {
        Ok(Change { transaction: self.begin(scope).await?, telling: self.telling.clone() })
    }

    /// A change of one tenant's rows.
    pub(crate) async fn change_for(&self, tenant: &TenantId) -> Result<Change, sqlx::Error> {
        Ok(Change { transaction: self.begin_for(tenant).await?, telling: self.telling.clone() })
    }
}

/// Tells of something that concerns the service itself and takes more than one transaction.
///
/// # Errors
/// When the database fails; then nothing was told.
pub async fn tell_across_tenants(store: &Store, after: &Value) -> Result<(), StoreError> {
    let change = store.change(&TenantScope::All).await?;
    change.commit([Told::created("", after)?]).await
}
