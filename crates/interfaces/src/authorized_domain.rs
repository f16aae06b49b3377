//! An authorized domain as the API shows it: a host a tenant may send callbacks to.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use time::OffsetDateTime;

use crate::ids::DomainId;
use crate::tenant::TenantId;

/// The contract's default of `maxCallbacksPerMinute`.
pub const DEFAULT_MAX_CALLBACKS_PER_MINUTE: u32 = 100;

/// A host a tenant may send callbacks to. The contract's `AuthorizedDomainDTO`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct AuthorizedDomain {
    /// Assigned by the service.
    pub id: DomainId,
    /// `host`, `host:port` or `*.suffix`, in canonical form.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 255))]
    pub domain: String,
    /// Who the domain belongs to.
    #[cfg_attr(feature = "openapi", schema(max_length = 255))]
    pub organization: Option<String>,
    /// Whom to write to about it.
    #[cfg_attr(feature = "openapi", schema(max_length = 255))]
    pub contact_email: Option<String>,
    /// Whether control over it was proven.
    pub verified: bool,
    /// How it was proven.
    #[cfg_attr(feature = "openapi", schema(max_length = 50))]
    pub verification_method: Option<String>,
    /// The token to publish as proof.
    #[cfg_attr(feature = "openapi", schema(max_length = 500))]
    pub verification_token: Option<String>,
    /// When it was proven.
    #[serde(with = "crate::instant::option")]
    pub verified_at: Option<OffsetDateTime>,
    /// Whether callbacks may be sent to it.
    #[cfg_attr(feature = "openapi", schema(default = true))]
    pub active: bool,
    /// Paths callbacks may be sent to, `*` being any run of characters; every path when empty.
    pub allowed_paths: Option<Vec<String>>,
    /// Most callbacks a minute.
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 10_000, default = 100))]
    pub max_callbacks_per_minute: i32,
    /// Addresses (IP or CIDR) the host may resolve to; every public one when empty.
    pub ip_whitelist: Option<Vec<String>>,
    /// Whether only `https` is allowed.
    #[cfg_attr(feature = "openapi", schema(default = true))]
    pub require_https: bool,
    /// Whose domain it is.
    pub tenant_id: TenantId,
    /// Notes for people.
    #[cfg_attr(feature = "openapi", schema(max_length = 2000))]
    pub notes: Option<String>,
    /// Anything the tenant wants to remember.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub metadata: Option<Map<String, Value>>,
    /// When the authorization ends.
    #[serde(with = "crate::instant::option")]
    pub expires_at: Option<OffsetDateTime>,
    /// When a callback was last sent to it.
    #[serde(with = "crate::instant::option")]
    #[cfg_attr(feature = "openapi", schema(read_only))]
    pub last_callback_at: Option<OffsetDateTime>,
    /// Callbacks sent to it so far.
    #[cfg_attr(feature = "openapi", schema(minimum = 0, read_only))]
    pub total_callbacks: i64,
    /// Those of them that failed.
    #[cfg_attr(feature = "openapi", schema(minimum = 0, read_only))]
    pub total_failed: i64,
    /// When it was created.
    #[serde(with = "crate::instant")]
    #[cfg_attr(feature = "openapi", schema(read_only))]
    pub created_at: OffsetDateTime,
    /// When it was last changed.
    #[serde(with = "crate::instant")]
    #[cfg_attr(feature = "openapi", schema(read_only))]
    pub updated_at: OffsetDateTime,
    /// Who authorized it.
    #[cfg_attr(feature = "openapi", schema(max_length = 255))]
    pub authorized_by: Option<String>,
    /// Callbacks a minute the endpoint granted in the CloudEvents handshake; `null` when it named no number.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(minimum = 1, read_only))]
    pub granted_callbacks_per_minute: Option<i32>,
}
