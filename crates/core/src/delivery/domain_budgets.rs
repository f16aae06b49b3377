//! Calls a minute each authorized domain still takes (`maxCallbacksPerMinute`), counted by this process, which takes its
//! share of them where several replicas run.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use callbacks_interfaces::authorized_domain::DEFAULT_MAX_CALLBACKS_PER_MINUTE;
use callbacks_interfaces::ids::DomainId;
use parking_lot::Mutex;

use crate::gates::domain_authorization::DomainEntry;
use crate::gates::rate_limit::RateLimit;

/// The buckets of the domains whose limit is enforced.
#[derive(Debug)]
pub(crate) struct DomainBudgets {
    enforce_default: bool,
    buckets: Mutex<HashMap<DomainId, Bucket>>,
}

/// What is left, and the limit and the number of replicas it was made for.
#[derive(Debug)]
struct Bucket {
    made_for: (u32, u32),
    left: RateLimit,
}

impl DomainBudgets {
    /// `enforce_default`: whether the limit a domain gets when nobody names one (100) is enforced. Firefly documents that
    /// default but never enforced it; doing so silently would choke whoever migrates with more traffic than that.
    pub(crate) fn new(enforce_default: bool) -> Self {
        Self { enforce_default, buckets: Mutex::new(HashMap::new()) }
    }

    /// Takes one call off this replica's share of the domain's budget, or says how long to wait for the next.
    pub(crate) fn take(&self, domain: &DomainEntry, now: Instant, replicas: u32) -> Result<(), Duration> {
        let Some(limit) = self.enforced_limit(domain) else { return Ok(()) };
        let wanted = (limit, replicas);
        let mut buckets = self.buckets.lock();
        match buckets.get_mut(&domain.id) {
            Some(bucket) if bucket.made_for == wanted => bucket.left.take(now),
            _ => {
                let mut left = RateLimit::share_per_minute(limit, replicas);
                let taken = left.take(now);
                buckets.insert(domain.id, Bucket { made_for: wanted, left });
                taken
            }
        }
    }

    fn enforced_limit(&self, domain: &DomainEntry) -> Option<u32> {
        let own = domain.max_callbacks_per_minute.and_then(|limit| u32::try_from(limit).ok());
        let own = own.filter(|limit| self.enforce_default || *limit != DEFAULT_MAX_CALLBACKS_PER_MINUTE);
        // What an endpoint granted is always enforced: it said so itself.
        own.into_iter().chain(domain.granted_per_minute).min()
    }
}
