//! The tenant: who an event, a configuration, a subscription or a domain belongs to.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Longest tenant id, in characters (the contract's `tenantId`).
pub const TENANT_ID_MAX_CHARS: usize = 100;

/// A tenant's id: 1 to 100 characters, not blank, no control character. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(value_type = String, min_length = 1, max_length = 100))]
pub struct TenantId(Arc<str>);

/// The text is no tenant id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TenantIdError {
    /// Empty, or white space only.
    #[error("Tenant ID must not be blank")]
    Blank,
    /// More than 100 characters.
    #[error("Tenant ID must not exceed 100 characters")]
    TooLong,
    /// A control character, such as a line break or NUL.
    #[error("Tenant ID must not contain control characters")]
    ControlCharacter,
    /// `*`, which stands for no tenant in particular.
    #[error("Tenant ID must not be '*', which owns the shared event subscriptions")]
    Reserved,
}

/// The owner of shared event subscriptions, whose messages name their tenants themselves. No tenant is called so, so no
/// tenant's credential reaches them.
const SHARED: &str = "*";

impl TenantId {
    /// The tenant used when nothing names one: `default`.
    #[must_use]
    pub fn default_tenant() -> Self {
        Self(Arc::from("default"))
    }

    /// Who owns something: a tenant, or `*`, which owns the shared event subscriptions.
    ///
    /// # Errors
    /// When the text is no tenant id.
    pub fn owner(text: &str) -> Result<Self, TenantIdError> {
        if text == SHARED { Ok(Self(Arc::from(SHARED))) } else { Self::try_from(text) }
    }

    /// Whether this is the owner of shared event subscriptions and no tenant.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        &*self.0 == SHARED
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<&str> for TenantId {
    type Error = TenantIdError;

    fn try_from(text: &str) -> Result<Self, Self::Error> {
        if text.trim().is_empty() {
            return Err(TenantIdError::Blank);
        }
        if text.chars().count() > TENANT_ID_MAX_CHARS {
            return Err(TenantIdError::TooLong);
        }
        if text.chars().any(char::is_control) {
            return Err(TenantIdError::ControlCharacter);
        }
        if text == SHARED {
            return Err(TenantIdError::Reserved);
        }
        Ok(Self(Arc::from(text)))
    }
}

impl TryFrom<String> for TenantId {
    type Error = TenantIdError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::try_from(text.as_str())
    }
}

impl std::str::FromStr for TenantId {
    type Err = TenantIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::try_from(text)
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for TenantId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// Reads views, in which `*` may be an owner.
impl<'de> Deserialize<'de> for TenantId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::owner(&text).map_err(serde::de::Error::custom)
    }
}

/// Whose rows a caller may see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TenantScope {
    /// One tenant's.
    One(TenantId),
    /// Every tenant's: an operator.
    All,
}

impl TenantScope {
    /// The value a query compares `tenant_id` with; `None` means no restriction.
    #[must_use]
    pub fn sql(&self) -> Option<&str> {
        match self {
            Self::One(tenant) => Some(tenant.as_str()),
            Self::All => None,
        }
    }

    /// Whether rows of `tenant` may be seen.
    #[must_use]
    pub fn permits(&self, tenant: &TenantId) -> bool {
        match self {
            Self::One(own) => own == tenant,
            Self::All => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_kept() {
        assert_eq!(TenantId::try_from(""), Err(TenantIdError::Blank));
        assert_eq!(TenantId::try_from("  "), Err(TenantIdError::Blank));
        assert_eq!(TenantId::try_from("a\nb"), Err(TenantIdError::ControlCharacter));
        assert_eq!(TenantId::try_from("é".repeat(101)), Err(TenantIdError::TooLong));
        assert!(TenantId::try_from("é".repeat(100)).is_ok());
    }

    #[test]
    fn nobody_is_called_like_the_owner_of_shared_subscriptions() {
        assert_eq!(TenantId::try_from("*"), Err(TenantIdError::Reserved));
        assert!(TenantId::owner("*").is_ok_and(|owner| owner.is_shared()));
        assert!(TenantId::owner("acme").is_ok_and(|owner| !owner.is_shared()));
        assert_eq!(TenantId::owner(" "), Err(TenantIdError::Blank));
    }

    #[test]
    fn a_scope_permits_its_own_tenant_only() {
        let acme = TenantId::try_from("acme").expect("valid");
        let scope = TenantScope::One(acme.clone());
        assert!(scope.permits(&acme));
        assert!(!scope.permits(&TenantId::default_tenant()));
        assert_eq!(scope.sql(), Some("acme"));
        assert!(TenantScope::All.permits(&acme));
        assert_eq!(TenantScope::All.sql(), None);
    }
}
