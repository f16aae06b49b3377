//! Whether a tenant's callbacks need an authorized domain.

use crate::named_enum::named_enum;

named_enum! {
    /// What a tenant's callbacks need. Only an operator changes it. The guard on addresses always applies.
    #[derive(Default)]
    pub enum DomainPolicy {
        /// A verified, active domain that stands for the URL.
        #[default]
        RequireAuthorized = "REQUIRE_AUTHORIZED",
        /// The same, once the tenant has any domain; nothing as long as it has none.
        AllowIfEmpty = "ALLOW_IF_EMPTY",
        /// Nothing. A domain that would authorize the URL still limits rate and addresses.
        AllowAll = "ALLOW_ALL",
    }
}
