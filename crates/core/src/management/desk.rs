//! The desk at which management happens: the store, the running engine, and what writes are checked against.

use std::sync::Arc;

use callbacks_models::store::Store;

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

    /// Tells the engine here what was just written; other replicas are notified by the database. A failure is not the
    /// caller's: the write is done, and the engine looks again within a second.
    pub(super) async fn announce(&self) {
        if let Err(error) = self.engine.refresh().await {
            tracing::warn!(%error, "the engine will see the change a little later");
        }
    }

    /// Has the engine look at a configuration's queue now.
    pub(super) fn wake(&self, configuration: ConfigurationId) {
        self.engine.wake(configuration);
    }
}
