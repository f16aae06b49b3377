//! The desk at which management happens: the store, the running engine, and what writes are checked against.

use std::sync::Arc;

use callbacks_interfaces::tenant::TenantId;
use callbacks_models::store::Store;

use super::error::ManagementError;
use crate::access::audit_chain::{self, Act};
use crate::engine::Engine;
use crate::gates::address_policy::AddressPolicy;
use callbacks_interfaces::ids::ConfigurationId;

/// What every management function needs. Cheap to clone.
#[derive(Clone)]
pub struct Management {
    pub(crate) store: Arc<Store>,
    pub(crate) engine: Arc<Engine>,
    /// Which literal addresses a URL may name; the same policy is applied again to every address dialled.
    pub(crate) addresses: AddressPolicy,
}

impl Management {
    /// A desk over a store and a running engine.
    #[must_use]
    pub fn new(store: Arc<Store>, engine: Arc<Engine>, addresses: AddressPolicy) -> Self {
        Self { store, engine, addresses }
    }

    /// This desk in the hands of somebody: what is changed at it is told to the audit log, both or neither.
    #[must_use]
    pub fn acting(&self, act: Act) -> Self {
        Self { store: Arc::new(self.store.acting(act, audit_chain::seal)), ..self.clone() }
    }

    /// Tells the engine here what was just written; other replicas are notified by the database. A failure is not the
    /// caller's: the write is done, and the engine looks again within a second.
    pub(super) async fn announce(&self) {
        if let Err(error) = self.engine.refresh().await {
            tracing::warn!(%error, "the engine will see the change a little later");
        }
    }

    /// Refuses what is meant for a deleted tenant, in the field that names it.
    pub(super) fn check_not_deleted(&self, tenant: &TenantId, field: &str) -> Result<(), ManagementError> {
        if !self.engine.directory().is_deleted(tenant) {
            return Ok(());
        }
        let message = format!(
            "The tenant {tenant} was deleted and nothing is taken on for it; its id is never given again, name another tenant"
        );
        Err(ManagementError::field(field, "Deleted", message))
    }

    /// Has the engine look at a configuration's queue now.
    pub(super) fn wake(&self, configuration: ConfigurationId) {
        self.engine.wake(configuration);
    }
}
