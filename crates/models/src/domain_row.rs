//! The row of an authorized domain as the API's view needs it, and the list's fields.

use callbacks_interfaces::authorized_domain::AuthorizedDomain;
use callbacks_interfaces::tenant::TenantScope;
use serde_json::Value;
use sqlx::postgres::PgConnection;
use sqlx::types::Uuid;
use time::OffsetDateTime;

use crate::configuration_target::json;
use crate::error::StoreError;
use crate::event_ref::stored_tenant;
use crate::filter_sql::{Column, FilteredList, column};
use crate::filter_value::Kind;

/// The list of domains.
pub(crate) const DOMAIN_LIST: FilteredList = FilteredList {
    from: "authorized_domains d LEFT JOIN domain_totals t ON t.domain_id = d.id",
    key: ["d.id", "d.id"],
    tenant: "d.tenant_id",
    columns: COLUMNS,
    searched: &["d.domain", "d.organization", "d.contact_email", "d.notes"],
    default_order: "d.id DESC",
};

const COLUMNS: &[Column] = &[
    column("id", "d.id", Kind::Uuid),
    column("tenantId", "d.tenant_id", Kind::Text),
    column("domain", "d.domain", Kind::Text),
    column("organization", "d.organization", Kind::Text),
    column("contactEmail", "d.contact_email", Kind::Text),
    column("verified", "d.verified", Kind::Boolean),
    column("verificationMethod", "d.verification_method", Kind::Text),
    column("verifiedAt", "d.verified_at", Kind::Instant),
    column("active", "d.active", Kind::Boolean),
    column("allowedPaths", "d.allowed_paths", Kind::Texts),
    column("maxCallbacksPerMinute", "d.max_callbacks_per_minute", Kind::Integer),
    column("ipWhitelist", "d.ip_whitelist", Kind::Texts),
    column("requireHttps", "d.require_https", Kind::Boolean),
    column("notes", "d.notes", Kind::Text),
    column("expiresAt", "d.expires_at", Kind::Instant),
    column("lastCallbackAt", "t.last_callback_at", Kind::Instant),
    column("totalCallbacks", "coalesce(t.total_callbacks, 0)", Kind::Integer),
    column("totalFailed", "coalesce(t.total_failed, 0)", Kind::Integer),
    column("createdAt", "d.created_at", Kind::Instant),
    column("updatedAt", "d.updated_at", Kind::Instant),
    column("authorizedBy", "d.authorized_by", Kind::Text),
];

/// A domain with its counters.
pub(crate) struct DomainRow {
    pub(crate) id: Uuid,
    tenant_id: String,
    domain: String,
    organization: Option<String>,
    contact_email: Option<String>,
    verified: bool,
    verification_method: Option<String>,
    verification_token: Option<String>,
    verified_at: Option<OffsetDateTime>,
    active: bool,
    allowed_paths: Option<Vec<String>>,
    max_callbacks_per_minute: i32,
    ip_whitelist: Option<Vec<String>>,
    require_https: bool,
    notes: Option<String>,
    metadata: Option<Value>,
    expires_at: Option<OffsetDateTime>,
    last_callback_at: Option<OffsetDateTime>,
    total_callbacks: i64,
    total_failed: i64,
    created_at: OffsetDateTime,
    updated_at: OffsetDateTime,
    authorized_by: Option<String>,
    granted_per_minute: Option<i32>,
}

impl DomainRow {
    /// Those of `ids` that are in scope, in any order.
    pub(crate) async fn by_ids(
        connection: &mut PgConnection,
        scope: &TenantScope,
        ids: &[Uuid],
    ) -> Result<Vec<Self>, StoreError> {
        let rows = sqlx::query_as!(
            Self,
            r#"
            SELECT d.id, d.tenant_id, d.domain, d.organization, d.contact_email, d.verified, d.verification_method,
                   d.verification_token, d.verified_at, d.active, d.allowed_paths, d.max_callbacks_per_minute,
                   d.ip_whitelist, d.require_https, d.notes, d.metadata, d.expires_at,
                   t.last_callback_at AS "last_callback_at?", coalesce(t.total_callbacks, 0) AS "total_callbacks!",
                   coalesce(t.total_failed, 0) AS "total_failed!", d.created_at, d.updated_at, d.authorized_by,
                   d.granted_per_minute
            FROM authorized_domains d
            LEFT JOIN domain_totals t ON t.domain_id = d.id
            WHERE d.id = ANY ($1::uuid[]) AND ($2::text IS NULL OR d.tenant_id = $2)
            "#,
            ids,
            scope.sql(),
        )
        .fetch_all(connection)
        .await?;
        Ok(rows)
    }

    /// What the API shows.
    pub(crate) fn view(self) -> Result<AuthorizedDomain, StoreError> {
        Ok(AuthorizedDomain {
            id: self.id.into(),
            tenant_id: stored_tenant(&self.tenant_id)?,
            metadata: json("metadata", self.metadata)?,
            domain: self.domain,
            organization: self.organization,
            contact_email: self.contact_email,
            verified: self.verified,
            verification_method: self.verification_method,
            verification_token: self.verification_token,
            verified_at: self.verified_at,
            active: self.active,
            allowed_paths: self.allowed_paths,
            max_callbacks_per_minute: self.max_callbacks_per_minute,
            ip_whitelist: self.ip_whitelist,
            require_https: self.require_https,
            notes: self.notes,
            expires_at: self.expires_at,
            last_callback_at: self.last_callback_at,
            total_callbacks: self.total_callbacks,
            total_failed: self.total_failed,
            created_at: self.created_at,
            updated_at: self.updated_at,
            authorized_by: self.authorized_by,
            granted_callbacks_per_minute: self.granted_per_minute,
        })
    }
}
