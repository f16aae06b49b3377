//! The data keys of tenants whose payloads are encrypted, in memory. Kept by the directory's loading: a key that was
//! destroyed is gone from every replica as soon as a deleted configuration is.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use callbacks_interfaces::tenant::TenantId;
use sqlx::types::Uuid;

use crate::acceptance::NewEvent;
use crate::error::StoreError;
use crate::sealed_payload::{
    DataKey, is_sealed_payload, opened_payload, opened_text, stored_payload, stored_text,
};
use crate::secret_column::SecretPlace;
use crate::settlement::Settled;
use crate::store::Store;

/// The logical column data keys are bound to.
pub(crate) const DATA_KEY_COLUMN: &str = "data_key";

#[derive(Clone)]
struct Held {
    key: Arc<DataKey>,
    /// Whether new payloads are encrypted; old ones are read in any case.
    writes: bool,
}

/// Keys by tenant. Where no tenant has one, asking costs a look at one flag.
#[derive(Default)]
pub(crate) struct PayloadKeys {
    any: AtomicBool,
    held: RwLock<HashMap<TenantId, Held>>,
    /// Reading keys and taking them over is one step, or a key read before it was destroyed could be held after that.
    loading: tokio::sync::Mutex<()>,
}

impl std::fmt::Debug for PayloadKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PayloadKeys").finish_non_exhaustive()
    }
}

impl PayloadKeys {
    fn held(&self, tenant: &TenantId) -> Option<Held> {
        if !self.any.load(Ordering::Acquire) {
            return None;
        }
        self.held.read().unwrap_or_else(PoisonError::into_inner).get(tenant).cloned()
    }

    fn writing(&self, tenant: &TenantId) -> Option<Arc<DataKey>> {
        self.held(tenant).filter(|held| held.writes).map(|held| held.key)
    }

    /// Forgets the keys of `tenants` that were not found, and takes over those that were. One that was found but could
    /// not be read (`None`) stays as it is known.
    fn replace(&self, tenants: &[TenantId], mut found: HashMap<TenantId, Option<Held>>) {
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        for tenant in tenants {
            match found.remove(tenant) {
                None => drop(held.remove(tenant)),
                Some(None) => {}
                Some(Some(key)) => drop(held.insert(tenant.clone(), key)),
            }
        }
        self.any.store(!held.is_empty(), Ordering::Release);
    }

    /// What is stored in place of one payload of a row; `None` where it is stored as it is.
    pub(crate) fn stored_payload(&self, tenant: &TenantId, row: Uuid, plain: &[u8]) -> Option<Vec<u8>> {
        stored_payload(self.writing(tenant).as_deref(), row, plain)
    }

    /// What is stored in place of each event's payload; shorter than `events`, and without entries, where nothing is.
    pub(crate) fn stored_payloads(&self, events: &[NewEvent]) -> Vec<Option<Vec<u8>>> {
        let stored =
            |event: &NewEvent| self.stored_payload(&event.tenant, event.row_id.uuid(), &event.payload);
        in_place(events, stored)
    }

    /// What is stored in place of each attempt's response body, in the same way.
    pub(crate) fn stored_bodies(&self, items: &[Settled]) -> Vec<Option<String>> {
        let stored = |item: &Settled| {
            let execution = item.execution.as_ref()?;
            let body = execution.response_body.as_deref()?;
            stored_text(self.writing(&item.event.tenant).as_deref(), execution.id.uuid(), body)
        };
        in_place(items, stored)
    }
}

/// Allocates nothing as long as nothing is replaced.
fn in_place<T, S>(items: &[T], stored: impl Fn(&T) -> Option<S>) -> Vec<Option<S>> {
    let mut replaced = Vec::new();
    for (index, item) in items.iter().enumerate() {
        if let Some(instead) = stored(item) {
            replaced.resize_with(index, || None);
            replaced.push(Some(instead));
        }
    }
    replaced
}

impl Store {
    /// A stored payload in the clear; `None` when its tenant's key was destroyed.
    pub(crate) async fn payload(
        &self,
        tenant: &TenantId,
        row: Uuid,
        stored: Bytes,
    ) -> Result<Option<Bytes>, StoreError> {
        let key = if is_sealed_payload(&stored) { self.data_key(tenant).await? } else { None };
        Ok(opened_payload(key.as_deref(), row, stored))
    }

    /// A stored response body in the clear; `None` when its tenant's key was destroyed.
    pub(crate) async fn body(
        &self,
        tenant: &TenantId,
        row: Uuid,
        stored: String,
    ) -> Result<Option<String>, StoreError> {
        let key = if is_sealed_payload(stored.as_bytes()) { self.data_key(tenant).await? } else { None };
        Ok(opened_text(key.as_deref(), row, stored))
    }

    /// A key that is not held was made a moment ago, by another replica, or is destroyed.
    async fn data_key(&self, tenant: &TenantId) -> Result<Option<Arc<DataKey>>, StoreError> {
        if let Some(held) = self.payload_keys.held(tenant) {
            return Ok(Some(held.key));
        }
        self.load_data_keys(std::slice::from_ref(tenant)).await?;
        Ok(self.payload_keys.held(tenant).map(|held| held.key))
    }

    /// Reads the keys of these tenants anew.
    pub(crate) async fn load_data_keys(&self, tenants: &[TenantId]) -> Result<(), StoreError> {
        let _one_at_a_time = self.payload_keys.loading.lock().await;
        let names: Vec<&str> = tenants.iter().map(TenantId::as_str).collect();
        let rows = sqlx::query!(
            r#"
            SELECT k.id, k.tenant_id, k.sealed_key, t.payload_encryption
            FROM tenant_data_keys k JOIN tenants t ON t.id = k.tenant_id
            WHERE k.tenant_id = ANY ($1::text[])
            "#,
            &names as &[&str],
        )
        .fetch_all(&self.engine)
        .await?;
        let mut found = HashMap::with_capacity(rows.len());
        for row in rows {
            let Some(tenant) = tenants.iter().find(|tenant| tenant.as_str() == row.tenant_id) else {
                continue;
            };
            let place = SecretPlace { tenant, row: row.id, column: DATA_KEY_COLUMN };
            let key = match self.keyring.open(place, &row.sealed_key) {
                Ok(text) => DataKey::from_text(&text),
                Err(error) => {
                    place.report(&error);
                    None
                }
            };
            let held = key.map(|key| Held { key: Arc::new(key), writes: row.payload_encryption });
            found.insert(tenant.clone(), held);
        }
        self.payload_keys.replace(tenants, found);
        Ok(())
    }
}
