//! The handle to the database: a pool for single tenants' requests, one for what spans tenants, and a few dedicated
//! connections for each hot flow. Each works in the role that sees just what it must (`scoped_connection`).

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions, Connection};

use crate::change::Telling;
use crate::error::StoreError;
use crate::hot_connections::{HotConnections, within};
use crate::payload_keys::PayloadKeys;
use crate::scoped_connection::TenantConnections;
use crate::secret_column::SecretKeyring;
use crate::tenant_roles::{ENGINE_ROLE, TENANT_ROLE};

/// How to reach the database and how much of it to use.
#[derive(Clone, Debug)]
pub struct StoreSettings {
    /// `postgres://…`; may carry a password, so never log it.
    pub url: String,
    /// Connections of tenants' requests, and as many of operators' requests and the engine's reading.
    pub api_connections: u32,
    /// Connections that write events; more than two gave nothing in the measurements.
    pub intake_connections: u32,
    /// Connections that write outcomes.
    pub settlement_connections: u32,
    /// Connections for claims, discovery, heartbeats and recovery.
    pub queue_connections: u32,
    /// How long connecting, or waiting for a free connection, may take.
    pub connect_timeout: Duration,
    /// PostgreSQL's `statement_timeout`.
    pub statement_timeout: Duration,
    /// PostgreSQL's `lock_timeout`.
    pub lock_timeout: Duration,
    /// How long a producer's event id is remembered.
    pub dedup_window: Duration,
}

impl Default for StoreSettings {
    fn default() -> Self {
        Self {
            url: String::new(),
            api_connections: 8,
            intake_connections: 2,
            settlement_connections: 2,
            queue_connections: 3,
            connect_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(10),
            lock_timeout: Duration::from_secs(5),
            dedup_window: Duration::from_secs(7 * 24 * 3600),
        }
    }
}

/// Everything this crate needs to reach the database. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    /// How to connect as the owner of the schema, in no role: for migrations.
    pub(crate) owner: PgConnectOptions,
    pub(crate) tenants: TenantConnections,
    /// For what spans tenants: the engine itself, operators, housekeeping.
    pub(crate) engine: PgPool,
    pub(crate) intake: Arc<HotConnections>,
    pub(crate) settlement: Arc<HotConnections>,
    pub(crate) queue: Arc<HotConnections>,
    pub(crate) keyring: Arc<SecretKeyring>,
    pub(crate) payload_keys: Arc<PayloadKeys>,
    pub(crate) dedup_window: Duration,
    /// Who changes something through it, where that is told to the audit log.
    pub(crate) telling: Option<Arc<Telling>>,
}

impl Store {
    /// Connects, failing at once with the real cause when the database cannot be reached.
    ///
    /// # Errors
    /// `Unavailable` when the server cannot be reached, `Database` when the URL is not one.
    pub async fn connect(settings: &StoreSettings, keyring: SecretKeyring) -> Result<Self, StoreError> {
        let options = PgConnectOptions::from_str(&settings.url)?;
        // A pool would only say that it timed out.
        within(settings.connect_timeout, options.connect()).await?.close().await?;
        Ok(Self::with_options(options, settings, keyring))
    }

    /// A store over connection options, connecting when first used. `settings.url` is not read.
    #[must_use]
    pub fn with_options(options: PgConnectOptions, settings: &StoreSettings, keyring: SecretKeyring) -> Self {
        let base = session(options, settings);
        let hot = |name: &str, connections: u32, planned: fn(PgConnectOptions) -> PgConnectOptions| {
            let options = planned(in_role(base.clone(), ENGINE_ROLE).application_name(name));
            let patience = settings.statement_timeout + Duration::from_secs(2);
            Arc::new(HotConnections::new(options, connections, patience))
        };
        let pool = |role: &str, name: &str| {
            PgPoolOptions::new()
                .max_connections(settings.api_connections.max(1))
                .acquire_timeout(settings.connect_timeout)
                .connect_lazy_with(plan_anew(in_role(base.clone(), role)).application_name(name))
        };
        Self {
            owner: base.clone().application_name("callbacks-migrate"),
            tenants: TenantConnections::new(pool(TENANT_ROLE, "callbacks-api")),
            engine: pool(ENGINE_ROLE, "callbacks-engine"),
            intake: hot("callbacks-intake", settings.intake_connections, plan_once),
            settlement: hot("callbacks-settlement", settings.settlement_connections, prefer_indexes),
            queue: hot("callbacks-queue", settings.queue_connections, prefer_indexes),
            keyring: Arc::new(keyring),
            payload_keys: Arc::new(PayloadKeys::default()),
            dedup_window: settings.dedup_window,
            telling: None,
        }
    }

    /// Id of the key new secrets are encrypted with.
    #[must_use]
    pub fn current_encryption_key(&self) -> &str {
        self.keyring.current_key_id()
    }

    /// Asks the database for an answer.
    ///
    /// # Errors
    /// When there is none.
    pub async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query_scalar!(r#"SELECT 1 AS "one!""#).fetch_one(&self.engine).await?;
        Ok(())
    }

    /// Closes the pools and all idle connections.
    pub async fn close(&self) {
        for flow in [&self.intake, &self.settlement, &self.queue] {
            flow.forget_idle();
        }
        self.tenants.close().await;
        self.engine.close().await;
    }
}

fn session(options: PgConnectOptions, settings: &StoreSettings) -> PgConnectOptions {
    let milliseconds = |limit: Duration| limit.as_millis().max(1).to_string();
    options
        .options([
            ("statement_timeout", milliseconds(settings.statement_timeout).as_str()),
            ("lock_timeout", milliseconds(settings.lock_timeout).as_str()),
            ("idle_in_transaction_session_timeout", "60000"),
            ("timezone", "UTC"),
            // Compiling a plan costs more than any statement here runs.
            ("jit", "off"),
        ])
        .log_slow_statements(tracing::log::LevelFilter::Warn, Duration::from_secs(1))
        .log_statements(tracing::log::LevelFilter::Off)
}

/// Set as the connection starts, so that no statement is ever run in another role, and it costs no round trip.
fn in_role(options: PgConnectOptions, role: &str) -> PgConnectOptions {
    options.options([("role", role)])
}

/// A list's best plan depends on which of its filters are given, so a plan for any of them would be the worst of all.
fn plan_anew(options: PgConnectOptions) -> PgConnectOptions {
    options.options([("plan_cache_mode", "force_custom_plan")])
}

/// Planned once, the hot statements never have hundreds of payloads copied into a plan as constants.
fn plan_once(options: PgConnectOptions) -> PgConnectOptions {
    options.options([("plan_cache_mode", "force_generic_plan")])
}

/// Settlement and queue join handfuls of keys with tables whose statistics were gathered when they were empty; without
/// these switches the planner may choose to read a million-row queue from end to end. Not for the intake, which joins what
/// it was given with itself: without a hash, producers' ids would cost the square of a batch.
fn prefer_indexes(options: PgConnectOptions) -> PgConnectOptions {
    plan_once(options).options([
        ("enable_seqscan", "off"),
        ("enable_hashjoin", "off"),
        ("enable_mergejoin", "off"),
    ])
}
