use std::io::{self, Write};

use anyhow::{Context as _, bail};
use callbacks_core::access::audit_chain::{Act, seal};
use callbacks_core::access::key_register::{self, KeyRequest};
use callbacks_core::access::role::Role;
use callbacks_core::clock::{Clock as _, SystemClock};
use callbacks_interfaces::duration_syntax;
use callbacks_interfaces::instant;
use callbacks_interfaces::tenant::TenantId;
use callbacks_models::migrate::migrate;
use callbacks_models::store::Store;
use nix::unistd::{User, getuid};
use serde_json::json;
use uuid::Uuid;

use super::encryption_rotation::Rotation;
use super::text_table::TextTable;
use crate::process::{database::Database, telemetry};
use crate::settings::{Settings, Sources};

/// Keys shown at most.
const LISTED_MAX: u32 = 10_000;

/// API keys, in the database itself: this also makes the first one
#[derive(Debug, Clone, clap::Subcommand)]
pub(super) enum Keys {
    /// Make a key and print it; it is never shown again
    Create(Create),
    /// List keys, newest first, without the keys themselves
    List {
        /// Only keys of this tenant
        #[arg(long)]
        tenant: Option<TenantId>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Revoke a key for good, on every replica within two seconds
    Revoke {
        /// The key's id
        id: Uuid,
    },
    /// Encrypt all stored secrets anew, with the first key of security.encryption_key; may be repeated at any time
    RotateEncryption(Rotation),
}

/// What the key stands for
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Create {
    /// operator, tenant-admin, tenant-producer or tenant-viewer
    #[arg(long, default_value = "operator")]
    role: Role,
    /// Whose key it is; for every role but operator
    #[arg(long)]
    tenant: Option<TenantId>,
    /// A name for people
    #[arg(long, default_value = "made on the command line")]
    name: String,
    /// When it ends, from now: 90d is written PT2160H or 2160h
    #[arg(long, value_name = "DURATION")]
    expires_in: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Keys {
    pub(super) async fn run(self, sources: &Sources) -> anyhow::Result<()> {
        let settings = Settings::load(sources)?;
        telemetry::start_logging(&settings.log)?;
        let database = Database::beside(&settings).await?;
        let outcome = self.carry_out(database.store()).await;
        database.close().await;
        outcome
    }

    async fn carry_out(self, store: &Store) -> anyhow::Result<()> {
        migrate(store).await.context("the database could not be migrated")?;
        match self {
            Self::Create(create) => create.carry_out(store).await,
            Self::List { tenant, json } => list(store, tenant.as_ref(), json).await,
            Self::Revoke { id } => revoke(store, id).await,
            Self::RotateEncryption(rotation) => rotation.carry_out(store).await,
        }
    }
}

impl Create {
    async fn carry_out(self, store: &Store) -> anyhow::Result<()> {
        let expires_at = match &self.expires_in {
            Some(text) => Some(SystemClock.now() + duration_syntax::general(text).context("--expires-in")?),
            None => None,
        };
        let request = KeyRequest { name: self.name, role: self.role, tenant: self.tenant, expires_at };
        let store = acting(store, "keys create", "/api/v1/api-keys".to_owned());
        let made = key_register::issue(&store, request, &actor()).await?;
        let mut out = io::stdout().lock();
        if self.json {
            let mut view = json!(made.view);
            view["key"] = made.key.expose().into();
            writeln!(out, "{view:#}")?;
        } else {
            writeln!(out, "{}", made.key.expose())?;
            writeln!(
                io::stderr(),
                "Keep this {} key, it is not shown again. Its id is {}.",
                made.view.role,
                made.view.id
            )?;
        }
        Ok(())
    }
}

async fn list(store: &Store, tenant: Option<&TenantId>, json: bool) -> anyhow::Result<()> {
    let keys = key_register::list(store, tenant, None, LISTED_MAX).await?;
    let mut out = io::stdout().lock();
    if json {
        writeln!(out, "{:#}", json!(keys))?;
        return Ok(());
    }
    let mut table = TextTable::new(&["ID", "ROLE", "TENANT", "NAME", "STATE", "LAST USED"]);
    let now = SystemClock.now();
    for key in keys {
        let state = match (key.revoked_at, key.expires_at) {
            (Some(_), _) => "revoked".to_owned(),
            (None, Some(end)) if end <= now => "expired".to_owned(),
            (None, Some(end)) => format!("until {}", instant::to_text(end).unwrap_or_default()),
            (None, None) => "good".to_owned(),
        };
        let used = key.last_used_at.and_then(instant::to_text).unwrap_or_else(|| "never".to_owned());
        table.row([key.id.to_string(), key.role, key.tenant_id.unwrap_or_default(), key.name, state, used]);
    }
    write!(out, "{table}")?;
    Ok(())
}

async fn revoke(store: &Store, id: Uuid) -> anyhow::Result<()> {
    let store = acting(store, "keys revoke", format!("/api/v1/api-keys/{id}"));
    if key_register::revoke(&store, id).await?.is_none() {
        bail!("there is no key {id}");
    }
    writeln!(io::stdout(), "{id} is revoked")?;
    Ok(())
}

/// The store in the hands of whoever runs this process: the audit log is told what is changed through it, as it is told
/// of what the API changes.
pub(super) fn acting(store: &Store, operation: &str, target: String) -> Store {
    let act = Act {
        actor: actor(),
        role: Role::Operator.to_string(),
        operation: operation.to_owned(),
        target,
        status: 0,
    };
    store.acting(act, seal)
}

/// Whoever runs this process.
fn actor() -> String {
    let uid = getuid();
    let name = User::from_uid(uid).ok().flatten().map_or_else(|| uid.to_string(), |user| user.name);
    format!("command-line:{name}")
}
