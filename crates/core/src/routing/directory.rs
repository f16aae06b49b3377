//! Every tenant's configurations and domains in memory: an immutable snapshot, replaced whole by the refresher.
//! Routing and gates read it; they never wait for the database.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arc_swap::ArcSwap;
use callbacks_interfaces::domain_policy::DomainPolicy;
use callbacks_interfaces::ids::ConfigurationId;
use callbacks_interfaces::tenant::TenantId;
use callbacks_models::directory as stored;
use ipnet::IpNet;
use tokio::sync::{Mutex, MutexGuard};
use tracing::error;

use super::event_pattern_index::EventPatternIndex;
use super::target::{Target, TargetDefaults};
use crate::event_types::catalogue::Catalogue;
use crate::gates::domain_authorization::DomainEntry;

/// One tenant's part of the directory.
#[derive(Debug)]
pub struct TenantDirectory {
    /// The stored version this was made from.
    pub version: i64,
    /// Its configurations.
    pub targets: Vec<Arc<Target>>,
    /// Its authorized domains.
    pub domains: Vec<DomainEntry>,
    /// Its catalogue of event types.
    pub event_types: Catalogue,
    /// Whether its callbacks need one.
    pub domain_policy: DomainPolicy,
    /// Networks operators opened for it alone; `None` when there are none.
    pub allowed_networks: Option<Arc<[IpNet]>>,
    /// Whether it was deleted: nothing is taken on for it.
    pub deleted: bool,
    defective: Vec<ConfigurationId>,
    index: EventPatternIndex,
}

impl TenantDirectory {
    fn compile(rows: stored::TenantDirectory, defaults: &TargetDefaults, before: Option<&Self>) -> Self {
        let targets: Vec<_> =
            rows.configurations.into_iter().map(|row| Arc::new(Target::compile(row, defaults))).collect();
        let index = EventPatternIndex::new(targets.iter().map(|target| target.patterns.as_slice()));
        let domains = rows.domains.into_iter().map(DomainEntry::from).collect();
        for one in &rows.defective {
            error!(configuration = %one.id, tenant = %rows.tenant, reason = %one.reason,
                "configuration {} cannot be read and gets no events; mend or replace it over the API: {}", one.id, one.reason);
        }
        let before = before.map(|before| &before.event_types);
        let event_types = Catalogue::compile(rows.event_types, &rows.tenant, before);
        // One that cannot be read opens nothing.
        let networks: Arc<[IpNet]> =
            rows.allowed_networks.iter().filter_map(|text| text.parse().ok()).collect();
        let allowed_networks = (!networks.is_empty()).then_some(networks);
        let defective = rows.defective.into_iter().map(|one| one.id).collect();
        Self {
            version: rows.version,
            targets,
            domains,
            event_types,
            domain_policy: rows.domain_policy,
            allowed_networks,
            deleted: rows.deleted,
            defective,
            index,
        }
    }

    /// Configurations with a pattern for this type, whatever their status.
    pub fn wanting(&self, event_type: &str) -> impl Iterator<Item = &Arc<Target>> {
        self.index.matching(event_type).into_iter().filter_map(|position| self.targets.get(position))
    }
}

/// The snapshot.
#[derive(Debug, Default)]
pub struct Directory {
    tenants: HashMap<TenantId, Arc<TenantDirectory>>,
    targets: HashMap<ConfigurationId, Arc<Target>>,
    defective: HashSet<ConfigurationId>,
}

impl Directory {
    /// A tenant's part, if it has any configuration or domain.
    pub fn tenant(&self, tenant: &TenantId) -> Option<&Arc<TenantDirectory>> {
        self.tenants.get(tenant)
    }

    /// Whether a tenant was deleted.
    pub fn is_deleted(&self, tenant: &TenantId) -> bool {
        self.tenant(tenant).is_some_and(|part| part.deleted)
    }

    /// A configuration by id.
    pub fn target(&self, id: ConfigurationId) -> Option<&Arc<Target>> {
        self.targets.get(&id)
    }

    /// True when the configuration exists but its row cannot be read: its deliveries wait until somebody mends it.
    pub fn is_defective(&self, id: ConfigurationId) -> bool {
        self.defective.contains(&id)
    }

    /// All configurations.
    pub fn targets(&self) -> impl Iterator<Item = &Arc<Target>> {
        self.targets.values()
    }

    /// The stored version each tenant's part was made from.
    pub fn version(&self, tenant: &TenantId) -> Option<i64> {
        self.tenants.get(tenant).map(|part| part.version)
    }

    /// A snapshot in which the given tenants' parts are replaced; a tenant without rows is dropped.
    #[must_use]
    pub fn with(&self, changed: Vec<stored::TenantDirectory>, defaults: &TargetDefaults) -> Self {
        let mut tenants = self.tenants.clone();
        for rows in changed {
            let tenant = rows.tenant.clone();
            let before = self.tenants.get(&tenant).map(AsRef::as_ref);
            let part = TenantDirectory::compile(rows, defaults, before);
            tenants.insert(tenant, Arc::new(part));
        }
        let targets = tenants
            .values()
            .flat_map(|part| &part.targets)
            .map(|target| (target.id, Arc::clone(target)))
            .collect();
        let defective = tenants.values().flat_map(|part| &part.defective).copied().collect();
        Self { tenants, targets, defective }
    }
}

/// The place everybody reads the current snapshot from.
#[derive(Debug, Default)]
pub struct CurrentDirectory {
    snapshot: ArcSwap<Directory>,
    /// Held while a snapshot is made from this one, or an older one could take the place of a newer one.
    refreshing: Mutex<()>,
}

impl CurrentDirectory {
    /// The snapshot of this moment.
    pub fn load(&self) -> arc_swap::Guard<Arc<Directory>> {
        self.snapshot.load()
    }

    /// The snapshot of this moment, to be kept across an await.
    pub fn load_full(&self) -> Arc<Directory> {
        self.snapshot.load_full()
    }

    /// Only the refresher replaces it.
    pub(crate) fn replace(&self, directory: Directory) {
        self.snapshot.store(Arc::new(directory));
    }

    /// One refresher at a time.
    pub(crate) async fn refreshing(&self) -> MutexGuard<'_, ()> {
        self.refreshing.lock().await
    }
}
