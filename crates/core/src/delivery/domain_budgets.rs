//! Calls a minute each authorized domain still takes (`maxCallbacksPerMinute`), counted by this process.

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
    buckets: Mutex<HashMap<DomainId, (u32, RateLimit)>>,
}

impl DomainBudgets {
    /// `enforce_default`: whether the limit a domain gets when nobody names one (100) is enforced. Firefly documents that
    /// default but never enforced it; doing so silently would choke whoever migrates with more traffic than that.
    pub(crate) fn new(enforce_default: bool) -> Self {
        Self { enforce_default, buckets: Mutex::new(HashMap::new()) }
    }

    /// Takes one call off the domain's budget, or says how long to wait for the next.
    pub(crate) fn take(&self, domain: &DomainEntry, now: Instant) -> Result<(), Duration> {
        let Some(limit) = self.enforced_limit(domain) else { return Ok(()) };
        let mut buckets = self.buckets.lock();
        match buckets.get_mut(&domain.id) {
            Some((current, bucket)) if *current == limit => bucket.take(now),
            _ => {
                let mut bucket = RateLimit::per_minute(limit);
                let taken = bucket.take(now);
                buckets.insert(domain.id, (limit, bucket));
                taken
            }
        }
    }

    fn enforced_limit(&self, domain: &DomainEntry) -> Option<u32> {
        let limit = u32::try_from(domain.max_callbacks_per_minute?).ok()?;
        (self.enforce_default || limit != DEFAULT_MAX_CALLBACKS_PER_MINUTE).then_some(limit)
    }
}
