//! What a credential stands for.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

/// A role. An operator belongs to no tenant and sees all of them; the others see their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Runs the service: every tenant, keys, metrics.
    Operator,
    /// Everything of one tenant.
    TenantAdmin,
    /// Sends events of one tenant and sees what became of them.
    TenantProducer,
    /// Reads everything of one tenant.
    TenantViewer,
}

/// The text names no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the role must be one of operator, tenant-admin, tenant-producer, tenant-viewer")]
pub struct UnknownRole;

impl Role {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Operator, Self::TenantAdmin, Self::TenantProducer, Self::TenantViewer];

    /// Its name, as in the API and the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::TenantAdmin => "tenant-admin",
            Self::TenantProducer => "tenant-producer",
            Self::TenantViewer => "tenant-viewer",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or(UnknownRole)
    }
}
