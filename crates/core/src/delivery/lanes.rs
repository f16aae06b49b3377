//! All lanes, one a configuration that has had something to deliver lately.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use callbacks_interfaces::circuit_breaker_policy::CircuitBreakerPolicy;
use callbacks_interfaces::ids::ConfigurationId;
use parking_lot::RwLock;

use super::lane::Lane;

/// The lanes by configuration.
#[derive(Debug)]
pub(crate) struct Lanes {
    capacity: usize,
    lanes: RwLock<HashMap<ConfigurationId, Arc<Lane>>>,
}

impl Lanes {
    /// Lanes that hold at most `capacity` deliveries each.
    pub(crate) fn new(capacity: usize) -> Self {
        Self { capacity, lanes: RwLock::new(HashMap::new()) }
    }

    /// The configuration's lane, opened if need be.
    pub(crate) fn lane(&self, id: ConfigurationId, breaker: &CircuitBreakerPolicy) -> Arc<Lane> {
        if let Some(lane) = self.lanes.read().get(&id) {
            return Arc::clone(lane);
        }
        let mut lanes = self.lanes.write();
        Arc::clone(lanes.entry(id).or_insert_with(|| Arc::new(Lane::new(id, self.capacity, breaker))))
    }

    /// The configuration's lane, if it is open.
    pub(crate) fn get(&self, id: ConfigurationId) -> Option<Arc<Lane>> {
        self.lanes.read().get(&id).cloned()
    }

    /// All open lanes.
    pub(crate) fn all(&self) -> Vec<Arc<Lane>> {
        self.lanes.read().values().cloned().collect()
    }

    /// Closes lanes that nobody uses and that have been idle for ten minutes.
    pub(crate) fn prune(&self, now: Instant) {
        self.lanes.write().retain(|_, lane| Arc::strong_count(lane) > 1 || !lane.is_idle(now));
    }
}
