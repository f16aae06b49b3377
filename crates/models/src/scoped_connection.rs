//! Connections that see what a scope allows and nothing else, whatever the statement on them says.
//!
//! The second wall behind every query's own predicate. One tenant's rows are reached on connections in the role
//! `callbacks_api`, whose policies compare each row with the setting `callbacks.tenant`. The setting lives as long as one
//! transaction, so a connection that is handed back knows no tenant and sees nothing. An operator works in the role of
//! the engine. The tenants' pool can be had in no other way than through here.

use std::fmt::Write;
use std::ops::{Deref, DerefMut};

use callbacks_interfaces::tenant::{TenantId, TenantScope};
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnection, PgPool};
use sqlx::{AssertSqlSafe, Postgres, Transaction};

use crate::store::Store;

/// The pool of the connections that see one tenant at a time.
#[derive(Clone, Debug)]
pub(crate) struct TenantConnections(PgPool);

/// A connection to read a scope's rows with. What is written on it is lost.
pub(crate) enum ScopedReading {
    /// One tenant's rows.
    One(Transaction<'static, Postgres>),
    /// Every row, as an operator sees them.
    All(PoolConnection<Postgres>),
}

impl TenantConnections {
    pub(crate) fn new(pool: PgPool) -> Self {
        Self(pool)
    }

    pub(crate) async fn close(&self) {
        self.0.close().await;
    }

    /// One round trip: the setting goes with BEGIN. The tenant's id goes as hexadecimal digits, so nothing in it can end
    /// the statement.
    async fn begin(&self, mode: &str, tenant: &str) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
        let mut statement =
            format!("BEGIN {mode}; SELECT set_config('callbacks.tenant', convert_from(decode('");
        for byte in tenant.bytes() {
            let _ = write!(statement, "{byte:02x}");
        }
        statement.push_str("', 'hex'), 'UTF8'), true)");
        self.0.begin_with(AssertSqlSafe(statement)).await
    }
}

impl Store {
    /// A connection to read a scope's rows with. For one tenant it costs one round trip; ending it costs none.
    pub(crate) async fn read(&self, scope: &TenantScope) -> Result<ScopedReading, sqlx::Error> {
        match scope {
            TenantScope::One(tenant) => {
                Ok(ScopedReading::One(self.tenants.begin("READ ONLY", tenant.as_str()).await?))
            }
            TenantScope::All => Ok(ScopedReading::All(self.engine.acquire().await?)),
        }
    }

    /// A transaction that reads and changes a scope's rows.
    pub(crate) async fn begin(
        &self,
        scope: &TenantScope,
    ) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
        match scope {
            TenantScope::One(tenant) => self.begin_for(tenant).await,
            TenantScope::All => self.engine.begin().await,
        }
    }

    /// A transaction that reads and changes one tenant's rows.
    pub(crate) async fn begin_for(
        &self,
        tenant: &TenantId,
    ) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
        self.tenants.begin("READ WRITE", tenant.as_str()).await
    }

    /// The same for tables in which the service itself stands beside the tenants, under the empty name.
    pub(crate) async fn begin_for_named(
        &self,
        tenant_or_service: &str,
    ) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
        if tenant_or_service.is_empty() {
            self.engine.begin().await
        } else {
            self.tenants.begin("READ WRITE", tenant_or_service).await
        }
    }
}

impl Deref for ScopedReading {
    type Target = PgConnection;
    fn deref(&self) -> &PgConnection {
        match self {
            Self::One(transaction) => transaction,
            Self::All(connection) => connection,
        }
    }
}

impl DerefMut for ScopedReading {
    fn deref_mut(&mut self) -> &mut PgConnection {
        match self {
            Self::One(transaction) => transaction,
            Self::All(connection) => connection,
        }
    }
}
