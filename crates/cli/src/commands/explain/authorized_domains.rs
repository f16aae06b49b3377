use callbacks_core::gates::domain_authorization::DomainEntry;
use callbacks_interfaces::domain_pattern::DomainPattern;
use callbacks_interfaces::ids::DomainId;
use callbacks_models::directory::DomainEntry as StoredDomain;
use serde::{Deserialize, Deserializer};
use time::OffsetDateTime;
use uuid::Uuid;

/// An authorized domain in a question. Unlike in the API it counts as verified unless it says otherwise: the question
/// is what follows from it. A bare name stands for a domain without further conditions.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum AuthorizedDomain {
    Name(DomainPattern),
    Entry(Box<Entry>),
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Entry {
    domain: DomainPattern,
    #[serde(default = "yes", deserialize_with = "null_is_no")]
    verified: bool,
    #[serde(default = "yes", deserialize_with = "null_is_no")]
    active: bool,
    #[serde(default = "yes", alias = "require_https", deserialize_with = "null_is_no")]
    require_https: bool,
    #[serde(default, alias = "allowed_paths")]
    allowed_paths: Option<Vec<String>>,
    #[serde(default, alias = "ip_whitelist")]
    ip_whitelist: Option<Vec<String>>,
    #[serde(default, alias = "expires_at", with = "callbacks_interfaces::instant::option")]
    expires_at: Option<OffsetDateTime>,
}

impl From<&AuthorizedDomain> for DomainEntry {
    fn from(domain: &AuthorizedDomain) -> Self {
        Self::from(match domain {
            AuthorizedDomain::Name(pattern) => stored(Entry::without_conditions(pattern.clone())),
            AuthorizedDomain::Entry(entry) => stored(Entry::clone(entry)),
        })
    }
}

impl Entry {
    fn without_conditions(domain: DomainPattern) -> Self {
        Self {
            domain,
            verified: true,
            active: true,
            require_https: false,
            allowed_paths: None,
            ip_whitelist: None,
            expires_at: None,
        }
    }
}

/// As it would be loaded, so that it is made ready by the same code.
fn stored(entry: Entry) -> StoredDomain {
    StoredDomain {
        id: DomainId::from(Uuid::nil()),
        pattern: entry.domain,
        verified: entry.verified,
        active: entry.active,
        allowed_paths: entry.allowed_paths.unwrap_or_default(),
        // Counting is not part of the question.
        max_callbacks_per_minute: i32::MAX,
        ip_whitelist: entry.ip_whitelist.unwrap_or_default(),
        require_https: entry.require_https,
        expires_at: entry.expires_at,
        granted_per_minute: None,
    }
}

fn yes() -> bool {
    true
}

fn null_is_no<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Option::<bool>::deserialize(deserializer).map(Option::unwrap_or_default)
}
