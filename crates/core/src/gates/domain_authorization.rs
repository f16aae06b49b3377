//! Whether a tenant may send callbacks to a host: only to domains it authorized, re-checked at every attempt.

use std::net::IpAddr;
use std::sync::Arc;

use callbacks_interfaces::callback_url::CallbackUrl;
use callbacks_interfaces::domain_pattern::DomainPattern;
use callbacks_interfaces::domain_policy::DomainPolicy;
use callbacks_interfaces::ids::DomainId;
use callbacks_models::directory::DomainEntry as StoredDomain;
use ipnet::IpNet;
use time::OffsetDateTime;

pub use super::path_rules::{PathRefusal, PathRules};

/// One authorized domain, made ready for the check.
#[derive(Debug, Clone)]
pub struct DomainEntry {
    /// Its row.
    pub id: DomainId,
    /// The hosts it stands for.
    pub pattern: DomainPattern,
    /// Whether control over it was proven, or vouched for by an operator.
    pub verified: bool,
    /// The switch its tenant sets.
    pub active: bool,
    /// When the authorization ends, if it does.
    pub expires_at: Option<OffsetDateTime>,
    /// The paths callbacks may go to.
    pub allowed_paths: PathRules,
    /// Whether plain HTTP is refused.
    pub require_https: bool,
    /// Callbacks a minute, all configurations together.
    pub max_callbacks_per_minute: Option<i32>,
    /// Callbacks a minute the endpoint itself granted, if it named a number.
    pub granted_per_minute: Option<u32>,
    /// Networks its addresses must lie in (`ipWhitelist`); `None` means anywhere.
    pub allowed_ips: Option<Arc<[IpNet]>>,
}

impl From<StoredDomain> for DomainEntry {
    fn from(row: StoredDomain) -> Self {
        Self {
            id: row.id,
            pattern: row.pattern,
            verified: row.verified,
            active: row.active,
            expires_at: row.expires_at,
            allowed_paths: PathRules::compile(&row.allowed_paths),
            require_https: row.require_https,
            max_callbacks_per_minute: Some(row.max_callbacks_per_minute),
            granted_per_minute: row.granted_per_minute.and_then(|rate| u32::try_from(rate).ok()),
            allowed_ips: networks(&row.ip_whitelist).map(Arc::from),
        }
    }
}

/// The networks of an `ipWhitelist`; `None` when the list is empty and everything is allowed. An entry that cannot be read
/// permits nothing, and a list of such entries nothing at all.
pub(crate) fn networks(whitelist: &[String]) -> Option<Vec<IpNet>> {
    (!whitelist.is_empty()).then(|| whitelist.iter().filter_map(|text| network(text)).collect())
}

/// An address, or a network in CIDR notation.
fn network(text: &str) -> Option<IpNet> {
    let text = text.trim();
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

/// Why no callback may be sent there. The text is for the tenant and is what the execution shows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DomainRefusal {
    /// No entry stands for the host and port.
    #[error("Domain not authorized: {0} is not registered")]
    NotRegistered(String),
    /// Its entry is switched off.
    #[error("Domain not authorized: {0} is not active")]
    NotActive(String),
    /// Its entry was never verified.
    #[error("Domain not authorized: {0} is not verified")]
    NotVerified(String),
    /// Its entry ran out.
    #[error("Domain not authorized: the authorization of {0} has expired")]
    Expired(String),
    /// The URL is plain HTTP.
    #[error("Domain not authorized: {0} requires https")]
    HttpsRequired(String),
    /// The path is outside of what the entry allows.
    #[error("Domain not authorized: the path on {0} {1}")]
    Path(String, PathRefusal),
}

/// Decides whether callbacks may go to `url`, and by which entry.
///
/// The most specific entry for the host decides alone, so that switching it off is not undone by a wider one: an
/// exact host before `*.suffix`, a longer suffix before a shorter one, one with a port before one without.
///
/// # Errors
/// [`DomainRefusal`] says what keeps callbacks from going there.
pub fn authorize<'a>(
    url: &CallbackUrl,
    entries: &'a [DomainEntry],
    now: OffsetDateTime,
) -> Result<&'a DomainEntry, DomainRefusal> {
    let entry = entry_for(url, entries).ok_or_else(|| DomainRefusal::NotRegistered(host_and_port(url)))?;
    entry.check(url, now)?;
    Ok(entry)
}

/// Decides whether a tenant's callbacks may go to `url` under its policy, and by which entry, if any is needed.
///
/// # Errors
/// [`DomainRefusal`] says what keeps callbacks from going there.
pub fn permit<'a>(
    url: &CallbackUrl,
    policy: DomainPolicy,
    entries: &'a [DomainEntry],
    now: OffsetDateTime,
) -> Result<Option<&'a DomainEntry>, DomainRefusal> {
    match policy {
        DomainPolicy::AllowIfEmpty if entries.is_empty() => Ok(None),
        DomainPolicy::RequireAuthorized | DomainPolicy::AllowIfEmpty => {
            authorize(url, entries, now).map(Some)
        }
        DomainPolicy::AllowAll => Ok(authorize(url, entries, now).ok()),
    }
}

/// The entry that decides about `url`, if any stands for its host and port.
pub fn entry_for<'a>(url: &CallbackUrl, entries: &'a [DomainEntry]) -> Option<&'a DomainEntry> {
    let specificity = |entry: &&DomainEntry| {
        let pattern = &entry.pattern;
        (!pattern.is_wildcard(), pattern.host().len(), pattern.port().is_some())
    };
    entries.iter().filter(|entry| entry.pattern.matches(url)).max_by_key(specificity)
}

impl DomainEntry {
    /// Checks a URL this entry stands for.
    ///
    /// # Errors
    /// [`DomainRefusal`] says what keeps callbacks from going there.
    pub fn check(&self, url: &CallbackUrl, now: OffsetDateTime) -> Result<(), DomainRefusal> {
        let named = |refusal: fn(String) -> DomainRefusal| Err(refusal(self.pattern.to_string()));
        if !self.active {
            return named(DomainRefusal::NotActive);
        }
        if !self.verified {
            return named(DomainRefusal::NotVerified);
        }
        if self.expires_at.is_some_and(|end| now > end) {
            return named(DomainRefusal::Expired);
        }
        if self.require_https && !url.is_https() {
            return named(DomainRefusal::HttpsRequired);
        }
        self.allowed_paths
            .check(url)
            .map_err(|refusal| DomainRefusal::Path(self.pattern.to_string(), refusal))
    }
}

/// Decides whether a configuration's own list of hosts permits `url`. An entry stands for its host and all its
/// subdomains, on every port unless it names one (pyfly's allow-list). An empty list permits everything; an entry
/// that is no host permits nothing.
pub fn allow_list_permits(url: &CallbackUrl, allowed: &[String]) -> bool {
    allowed.is_empty() || allowed.iter().any(|entry| allow_list_entry_permits(url, entry.trim()))
}

fn allow_list_entry_permits(url: &CallbackUrl, entry: &str) -> bool {
    let stands_for = |text: &str| {
        DomainPattern::try_from(text).is_ok_and(|pattern| {
            pattern.port().is_none_or(|port| port == url.port()) && pattern.matches_host(url)
        })
    };
    // `*.` before an address is no pattern, so that `0.0.1` or `10.0.0.1` never stand for other addresses.
    stands_for(entry) || stands_for(&format!("*.{entry}"))
}

fn host_and_port(url: &CallbackUrl) -> String {
    let host = url.url().host_str().unwrap_or_default();
    match url.url().port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

#[cfg(test)]
mod tests;
