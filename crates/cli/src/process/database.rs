use callbacks_models::secret_column::KeyringError;
use callbacks_models::{error::StoreError, store::Store};

use super::embedded_postgres::{EmbeddedPostgres, EmbeddedPostgresError, EmbeddedSettings};
use crate::settings::{EncryptionKeyError, EncryptionKeys, Settings};

/// The database of this process: somebody's PostgreSQL, or a private one that lives as long as this value.
pub(crate) struct Database {
    store: Store,
    embedded: Option<EmbeddedPostgres>,
}

/// Why there is no database.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DatabaseError {
    #[error(transparent)]
    Embedded(#[from] EmbeddedPostgresError),
    #[error(transparent)]
    Key(#[from] EncryptionKeyError),
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    #[error("the database at {place} cannot be used")]
    Connect { place: String, source: StoreError },
}

impl Database {
    /// Starts the private PostgreSQL when the settings name no other, and connects. Nothing is migrated yet.
    pub(crate) async fn open(settings: &Settings) -> Result<Self, DatabaseError> {
        let embedded = match settings.database.url {
            Some(_) => None,
            None => Some(EmbeddedPostgres::start(embedded_settings(settings)).await?),
        };
        match connect(settings, embedded.as_ref()).await {
            Ok(store) => Ok(Self { store, embedded }),
            Err(error) => {
                if let Some(postgres) = embedded {
                    postgres.stop().await;
                }
                Err(error)
            }
        }
    }

    /// For a command that runs beside the service: as [`Self::open`], but a private PostgreSQL that another process
    /// already runs is used as it is.
    pub(crate) async fn beside(settings: &Settings) -> Result<Self, DatabaseError> {
        if settings.database.url.is_none()
            && let Some(url) = EmbeddedPostgres::running_url(&embedded_settings(settings))
            && let Ok(store) = connect_to(settings, &url).await
        {
            return Ok(Self { store, embedded: None });
        }
        Self::open(settings).await
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// Closes the connections and then stops the private PostgreSQL.
    pub(crate) async fn close(self) {
        self.store.close().await;
        if let Some(postgres) = self.embedded {
            postgres.stop().await;
        }
    }
}

async fn connect(settings: &Settings, embedded: Option<&EmbeddedPostgres>) -> Result<Store, DatabaseError> {
    let own = settings.database.url.as_deref();
    connect_to(settings, embedded.map(EmbeddedPostgres::url).or(own).unwrap_or_default()).await
}

async fn connect_to(settings: &Settings, url: &str) -> Result<Store, DatabaseError> {
    let keyring = EncryptionKeys::obtain(settings)?.into_keyring()?;
    Store::connect(&settings.store(url), keyring)
        .await
        .map_err(|source| DatabaseError::Connect { place: crate::settings::masked_url(url), source })
}

fn embedded_settings(settings: &Settings) -> EmbeddedSettings {
    EmbeddedSettings {
        dir: settings.state_folder().to_path_buf(),
        bin_dir: settings.database.postgres_bin_dir.clone(),
    }
}
