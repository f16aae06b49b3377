//! All accepted keys in memory: recognising a caller asks no database, revoking a key takes at most a second.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use callbacks_interfaces::tenant::{TenantId, TenantScope};
use callbacks_models::api_keys::{self as stored, EffectiveApiKey};
use callbacks_models::error::StoreError;
use callbacks_models::notify::{ACCESS_CHANNEL, Listener};
use callbacks_models::store::Store;
use callbacks_models::tenants;
use parking_lot::Mutex;
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};
use uuid::Uuid;

use super::api_key::PresentedKey;
use super::caller::Caller;
use super::role::Role;
use super::tokens::claims::TokenFault;
use crate::clock::Clock;
use crate::gates::rate_limit::RateLimit;

/// How often the stored keys are compared when nothing was heard.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Keys are not trusted when the database has been silent for so long: one may have been revoked.
const TRUSTED_FOR: Duration = Duration::from_secs(15);
/// How often the time of last use is written.
const NOTE_USE_EVERY: Duration = Duration::from_secs(60);
/// How long a caller should wait while the keys cannot be checked.
const RETRY_AFTER: Duration = Duration::from_secs(2);
/// Compared with when the id is unknown, so that the work is the same.
const NOBODY: [u8; 32] = [0; 32];

/// Why a credential was not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// It is none, or not (or no longer) a good one.
    Unknown,
    /// It is a token, and not a good one.
    Token(TokenFault),
    /// It is a good token that grants nothing here; the sentence says why.
    Powerless(String),
    /// Whether it is cannot be said now.
    Unavailable {
        /// When trying again makes sense.
        retry_after: Duration,
    },
    /// It is a good one, used too often.
    TooMany {
        /// When the next request would be let through.
        retry_after: Duration,
    },
}

/// The keys.
pub struct KeyRing {
    store: Arc<Store>,
    clock: Arc<dyn Clock>,
    requests_per_second: Option<u32>,
    keys: ArcSwap<Snapshot>,
    /// Held while the snapshot is replaced, so that an older one never replaces a newer.
    refreshing: tokio::sync::Mutex<()>,
    begun: Instant,
    /// Milliseconds from `begun` to the last time the database confirmed the snapshot.
    confirmed_ms: AtomicU64,
    failing: AtomicBool,
}

#[derive(Default)]
struct Snapshot {
    version: i64,
    keys: HashMap<Uuid, HeldKey>,
    switched_off: HashSet<TenantId>,
}

struct HeldKey {
    secret_hash: [u8; 32],
    caller: Caller,
    expires_at: Option<OffsetDateTime>,
    meter: Arc<Meter>,
}

/// What is counted of a key; outlives the snapshots.
#[derive(Default)]
struct Meter {
    used: AtomicBool,
    pace: Mutex<Option<RateLimit>>,
}

impl KeyRing {
    /// Loads the keys. `requests_per_second` bounds each key on this replica; `None` does not.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn load(
        store: Arc<Store>,
        clock: Arc<dyn Clock>,
        requests_per_second: Option<u32>,
    ) -> Result<Self, StoreError> {
        let begun = clock.monotonic();
        let ring = Self {
            store,
            clock,
            requests_per_second,
            keys: ArcSwap::default(),
            refreshing: tokio::sync::Mutex::default(),
            begun,
            confirmed_ms: AtomicU64::new(0),
            failing: AtomicBool::new(false),
        };
        ring.refresh().await?;
        Ok(ring)
    }

    /// Whether anyone could act as an operator.
    #[must_use]
    pub fn has_operator(&self) -> bool {
        self.keys.load().keys.values().any(|key| key.caller.role == Role::Operator)
    }

    /// Whose key this is.
    ///
    /// # Errors
    /// When it is nobody's, cannot be checked, or is used too often.
    pub fn recognise(&self, presented: &str) -> Result<Caller, Refusal> {
        let now = self.clock.monotonic();
        let key = PresentedKey::parse(presented).ok_or(Refusal::Unknown)?;
        let keys = self.keys.load();
        let held = keys.keys.get(&key.id);
        let same = key.matches(held.map_or(&NOBODY, |held| &held.secret_hash));
        let Some(held) = held.filter(|_| same) else {
            // A key made a moment ago may be unknown here only because the database does not answer.
            let blind = self.failing.load(Ordering::Relaxed);
            return Err(if blind { unavailable() } else { Refusal::Unknown });
        };
        if self.silent_for(now) > TRUSTED_FOR {
            return Err(unavailable());
        }
        if held.expires_at.is_some_and(|end| end <= self.clock.now()) {
            return Err(Refusal::Unknown);
        }
        held.meter.take(self.requests_per_second, now)?;
        Ok(held.caller.clone())
    }

    /// Whether a caller that was recognised otherwise than by a key may act for its tenant.
    ///
    /// # Errors
    /// When the tenant was switched off, or nobody can say whether it was.
    pub fn tenant_in_good_standing(&self, scope: &TenantScope) -> Result<(), Refusal> {
        let TenantScope::One(tenant) = scope else { return Ok(()) };
        if self.silent_for(self.clock.monotonic()) > TRUSTED_FOR {
            return Err(unavailable());
        }
        if self.keys.load().switched_off.contains(tenant) {
            return Err(Refusal::Powerless(format!("The tenant {tenant} was switched off")));
        }
        Ok(())
    }

    /// Brings the keys up to date.
    ///
    /// # Errors
    /// When the database fails; the keys stay as they were.
    pub async fn refresh(&self) -> Result<(), StoreError> {
        let _one_at_a_time = self.refreshing.lock().await;
        let asked = self.clock.monotonic();
        let outcome = self.replace_if_changed().await;
        self.failing.store(outcome.is_err(), Ordering::Relaxed);
        if outcome.is_ok() {
            let confirmed = asked.saturating_duration_since(self.begun).as_millis();
            self.confirmed_ms.store(u64::try_from(confirmed).unwrap_or(u64::MAX), Ordering::Relaxed);
        }
        outcome
    }

    /// Keeps the keys current until stopped.
    pub async fn run(&self, stop: CancellationToken) {
        let mut changes = Listener::new(&self.store, ACCESS_CHANNEL);
        let mut noted = self.clock.monotonic();
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                () = changes.heard() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            if let Err(error) = self.refresh().await {
                warn!(%error, "API keys could not be refreshed; they are trusted for a few seconds more");
            }
            let now = self.clock.monotonic();
            if now.saturating_duration_since(noted) >= NOTE_USE_EVERY {
                noted = now;
                self.note_use().await;
            }
        }
        self.note_use().await;
    }

    /// The version is read before the keys: a change in between is seen at the next look.
    async fn replace_if_changed(&self) -> Result<(), StoreError> {
        let version = stored::version_across_tenants(&self.store).await?;
        let old = self.keys.load_full();
        if version == old.version {
            return Ok(());
        }
        // A key that is gone from the next snapshot takes its note of use with it.
        self.note_use().await;
        let rows = stored::effective_across_tenants(&self.store).await?;
        let switched_off = tenants::switched_off_across_tenants(&self.store).await?;
        let keys = rows.into_iter().filter_map(|row| held(row, &old)).collect();
        self.keys.store(Arc::new(Snapshot {
            version,
            keys,
            switched_off: switched_off.into_iter().collect(),
        }));
        Ok(())
    }

    fn silent_for(&self, now: Instant) -> Duration {
        let confirmed = Duration::from_millis(self.confirmed_ms.load(Ordering::Relaxed));
        now.saturating_duration_since(self.begun).saturating_sub(confirmed)
    }

    async fn note_use(&self) {
        let used =
            |(id, key): (&Uuid, &HeldKey)| key.meter.used.swap(false, Ordering::Relaxed).then_some(*id);
        let ids: Vec<Uuid> = self.keys.load().keys.iter().filter_map(used).collect();
        if ids.is_empty() {
            return;
        }
        if let Err(error) = stored::mark_used_across_tenants(&self.store, &ids).await {
            warn!(%error, "when API keys were used last could not be written");
        }
    }
}

impl Meter {
    fn take(&self, requests_per_second: Option<u32>, now: Instant) -> Result<(), Refusal> {
        self.used.store(true, Ordering::Relaxed);
        let Some(calls) = requests_per_second else { return Ok(()) };
        let mut pace = self.pace.lock();
        pace.get_or_insert_with(|| RateLimit::per_second(calls))
            .take(now)
            .map_err(|retry_after| Refusal::TooMany { retry_after })
    }
}

fn held(row: EffectiveApiKey, old: &Snapshot) -> Option<(Uuid, HeldKey)> {
    let caller = row.role.parse().ok().and_then(|role| Caller::of_key(row.id, role, row.tenant));
    let Some(caller) = caller else {
        error!(key = %row.id, "an API key has a role and a tenant that do not go together; it is not accepted");
        return None;
    };
    let meter = old.keys.get(&row.id).map(|key| Arc::clone(&key.meter)).unwrap_or_default();
    Some((row.id, HeldKey { secret_hash: row.secret_hash, caller, expires_at: row.expires_at, meter }))
}

fn unavailable() -> Refusal {
    Refusal::Unavailable { retry_after: RETRY_AFTER }
}
