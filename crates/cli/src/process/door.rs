//! Who must show what at the API's door, and the tasks that keep the keys current.

use std::io::{self, Write};
use std::sync::Arc;

use anyhow::Context;
use callbacks_core::access::key_ring::KeyRing;
use callbacks_core::access::tokens::key_set_keeper::KeySetKeeper;
use callbacks_core::access::tokens::key_set_source::FetchedKeySet;
use callbacks_core::access::tokens::recognition::TokenReader;
use callbacks_core::clock::SystemClock;
use callbacks_egress::{EgressSettings, HttpTransport};
use callbacks_models::store::Store;
use callbacks_web::auth::guard::Guard;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::settings::{Authentication, Settings, TokenProvider};

/// Longest key set of an identity provider, in bytes.
const KEY_SET_MAX: usize = 256 << 10;

/// The guard and the tasks behind it.
pub(super) struct ApiDoor {
    pub(super) guard: Guard,
    keepers: TaskTracker,
    stop: CancellationToken,
}

impl ApiDoor {
    /// Builds what `security.authentication` says.
    ///
    /// # Errors
    /// When the keys cannot be read.
    pub(super) async fn open(settings: &Settings, store: &Store) -> anyhow::Result<Self> {
        let (stop, keepers) = (CancellationToken::new(), TaskTracker::new());
        let authentication = settings.security.authentication;
        if authentication == Authentication::Off {
            return Ok(Self { guard: Guard::Open, keepers, stop });
        }
        let pace = settings.requests_per_second();
        let ring = KeyRing::load(Arc::new(store.clone()), Arc::new(SystemClock), pace)
            .await
            .context("the API keys could not be read")?;
        if authentication.takes_keys() && !ring.has_operator() {
            writeln!(
                io::stdout(),
                "No operator key exists yet. Make the first one with the same settings, beside the running service:\n  \
                 callbacks keys create --role operator --name \"your name\""
            )?;
        }
        let ring = Arc::new(ring);
        keepers.spawn({
            let (ring, stop) = (Arc::clone(&ring), stop.clone());
            async move { ring.run(stop).await }
        });
        let guard = match settings.token_provider() {
            None => Guard::ApiKeys(ring),
            Some(provider) => {
                let keys = Arc::new(key_set(settings.egress()?, &provider)?);
                keepers.spawn({
                    let (keys, stop) = (Arc::clone(&keys), stop.clone());
                    async move { keys.run(stop).await }
                });
                let tokens =
                    TokenReader::new(provider.tokens, keys, Arc::clone(&ring), Arc::new(SystemClock));
                Guard::Tokens { tokens: Arc::new(tokens), ring, or_keys: authentication.takes_keys() }
            }
        };
        Ok(Self { guard, keepers, stop })
    }

    /// Ends the tasks, after it has been noted when keys were used last.
    pub(super) async fn close(self) {
        self.stop.cancel();
        self.keepers.close();
        self.keepers.wait().await;
    }
}

fn key_set(egress: EgressSettings, provider: &TokenProvider) -> anyhow::Result<KeySetKeeper> {
    let transport = HttpTransport::new(EgressSettings { max_response_body: KEY_SET_MAX, ..egress })
        .context("the way to the identity provider cannot be opened")?;
    let source = FetchedKeySet::new(transport, provider.jwks_url.clone(), provider.jwks_timeout);
    Ok(KeySetKeeper::new(Arc::new(source), Arc::new(SystemClock), provider.keys.clone()))
}
