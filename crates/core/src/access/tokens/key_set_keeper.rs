//! Keeps the provider's keys current.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use bytes::Bytes;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use super::key_set::KeySet;
use super::key_set_source::KeySetSource;
use super::settings::KeySetSettings;
use crate::clock::Clock;

/// A key set and how many there were before it: whoever remembers a conclusion remembers this with it.
#[derive(Default)]
pub(super) struct Edition {
    pub(super) number: u64,
    pub(super) keys: KeySet,
    text: Bytes,
}

/// The keys of one provider.
pub struct KeySetKeeper {
    source: Arc<dyn KeySetSource>,
    clock: Arc<dyn Clock>,
    settings: KeySetSettings,
    edition: ArcSwap<Edition>,
    /// When the provider was asked last. Held while it is asked: everyone else who wants to know waits for that answer.
    asked: Mutex<Option<Instant>>,
    begun: Instant,
    /// Milliseconds from `begun` to the last good answer, plus one; 0 for never.
    confirmed_ms: AtomicU64,
    failing: AtomicBool,
}

impl KeySetKeeper {
    /// A keeper without keys yet.
    pub fn new(source: Arc<dyn KeySetSource>, clock: Arc<dyn Clock>, settings: KeySetSettings) -> Self {
        let begun = clock.monotonic();
        Self {
            source,
            clock,
            settings,
            edition: ArcSwap::default(),
            asked: Mutex::new(None),
            begun,
            confirmed_ms: AtomicU64::new(0),
            failing: AtomicBool::new(false),
        }
    }

    /// The keys, while they can be trusted.
    pub(super) fn current(&self) -> Option<Arc<Edition>> {
        let confirmed = Duration::from_millis(self.confirmed_ms.load(Ordering::Relaxed).checked_sub(1)?);
        let silent = self.clock.monotonic().saturating_duration_since(self.begun).saturating_sub(confirmed);
        (silent <= self.settings.trusted_for).then(|| self.edition.load_full())
    }

    /// Asks the provider, unless it was asked a moment ago.
    pub async fn refresh(&self) {
        let mut asked = self.asked.lock().await;
        let now = self.clock.monotonic();
        if asked.is_some_and(|at| now.saturating_duration_since(at) < self.settings.refresh_floor) {
            return;
        }
        *asked = Some(now);
        let fetched = self.source.fetch().await;
        let parsed = fetched.and_then(|text| {
            KeySet::parse(&text).map(|keys| (text, keys)).map_err(|error| error.to_string())
        });
        match parsed {
            Ok((text, keys)) => self.take(text, keys, now),
            Err(reason) if self.failing.swap(true, Ordering::Relaxed) => {
                tracing::debug!(%reason, "the identity provider's keys still cannot be fetched");
            }
            Err(reason) => tracing::warn!(
                %reason,
                "the identity provider's keys cannot be fetched (security.jwt.jwks_url); those at hand stay in use for a while"
            ),
        }
    }

    /// Keeps asking until stopped.
    pub async fn run(&self, stop: CancellationToken) {
        loop {
            self.refresh().await;
            let failing = self.failing.load(Ordering::Relaxed);
            let pause = if failing { self.settings.refresh_floor } else { self.settings.refresh_every };
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    fn take(&self, text: Bytes, keys: KeySet, asked: Instant) {
        let held = self.edition.load();
        if held.number == 0 || held.text != text {
            self.edition.store(Arc::new(Edition { number: held.number + 1, keys, text }));
            tracing::info!("the identity provider's keys were read");
        }
        if self.failing.swap(false, Ordering::Relaxed) {
            tracing::info!("the identity provider's keys can be fetched again");
        }
        let confirmed = asked.saturating_duration_since(self.begun).as_millis();
        let confirmed = u64::try_from(confirmed).unwrap_or(u64::MAX).saturating_add(1);
        self.confirmed_ms.store(confirmed, Ordering::Relaxed);
    }
}
