//! `[security.jwt]`: whose tokens are accepted, and what they must say.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use callbacks_core::access::role::Role;
use callbacks_core::access::tokens::claim_path::ClaimPath;
use callbacks_core::access::tokens::settings::{KeySetSettings, TokenSettings};
use callbacks_core::access::tokens::signature_algorithm::SignatureAlgorithm;
use callbacks_interfaces::callback_url::CallbackUrl;
use serde::Deserialize;
use url::Host;

use super::sections::milliseconds;

/// Field by field what `config/default.toml` documents; texts are read by [`TokenSection::read`].
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct TokenSection {
    pub(crate) issuer: String,
    audiences: Vec<String>,
    jwks_url: String,
    algorithms: Vec<String>,
    tenant_claim: String,
    role_claim: String,
    role_names: Vec<String>,
    #[serde(rename = "leeway_ms", deserialize_with = "milliseconds")]
    leeway: Duration,
    #[serde(rename = "jwks_timeout_ms", deserialize_with = "milliseconds")]
    jwks_timeout: Duration,
    #[serde(rename = "jwks_refresh_ms", deserialize_with = "milliseconds")]
    jwks_refresh: Duration,
    #[serde(rename = "jwks_refresh_floor_ms", deserialize_with = "milliseconds")]
    jwks_refresh_floor: Duration,
    #[serde(rename = "jwks_trusted_ms", deserialize_with = "milliseconds")]
    jwks_trusted: Duration,
}

/// The section, read.
#[derive(Debug, Clone)]
pub(crate) struct TokenProvider {
    pub(crate) tokens: TokenSettings,
    pub(crate) keys: KeySetSettings,
    pub(crate) jwks_url: CallbackUrl,
    pub(crate) jwks_timeout: Duration,
}

impl TokenSection {
    /// Whether anything of it was set that only tokens need.
    pub(super) fn is_set(&self) -> bool {
        !(self.issuer.is_empty() && self.jwks_url.is_empty() && self.audiences.is_empty())
    }

    /// Everything, or the sentence that says what is missing or wrong.
    pub(crate) fn read(&self, requests_per_second: Option<u32>) -> Result<TokenProvider, String> {
        if self.issuer.trim().is_empty() {
            return Err(missing("issuer", "the `iss` of the provider's tokens"));
        }
        if self.audiences.is_empty() {
            return Err(missing("audiences", "what the provider's tokens for this service have as `aud`"));
        }
        let tokens = TokenSettings {
            issuer: self.issuer.clone(),
            audiences: self.audiences.clone(),
            algorithms: self.algorithms()?,
            leeway: self.leeway,
            tenant_claim: claim("tenant_claim", &self.tenant_claim)?,
            role_claim: claim("role_claim", &self.role_claim)?,
            role_names: self.role_names()?,
            requests_per_second,
        };
        let keys = KeySetSettings {
            refresh_every: self.jwks_refresh,
            refresh_floor: self.jwks_refresh_floor,
            trusted_for: self.jwks_trusted,
        };
        if keys.refresh_every < keys.refresh_floor || keys.trusted_for < keys.refresh_every {
            return Err("security.jwt.jwks_refresh_floor_ms, jwks_refresh_ms and jwks_trusted_ms must grow in this order: \
                        keys are asked for less often than the floor allows, and trusted longer than until the next time"
                .to_owned());
        }
        Ok(TokenProvider { tokens, keys, jwks_url: self.jwks_url()?, jwks_timeout: self.jwks_timeout })
    }

    fn algorithms(&self) -> Result<Vec<SignatureAlgorithm>, String> {
        if self.algorithms.is_empty() {
            return Err(missing("algorithms", "what the provider signs with, such as RS256"));
        }
        let read = |text: &String| {
            text.parse().map_err(|error| format!("security.jwt.algorithms: `{text}` {error}"))
        };
        self.algorithms.iter().map(read).collect()
    }

    /// Without any, the roles' own names.
    fn role_names(&self) -> Result<HashMap<String, Role>, String> {
        if self.role_names.is_empty() {
            return Ok(Role::ALL.into_iter().map(|role| (role.as_str().to_owned(), role)).collect());
        }
        let mut names = HashMap::new();
        for entry in &self.role_names {
            let refused = |reason: &str| format!("security.jwt.role_names: `{entry}` {reason}");
            // The last sign: values may have some of their own (LDAP names).
            let (value, role) = entry.rsplit_once('=').ok_or_else(|| refused("is not value=role"))?;
            let role =
                role.trim().parse::<Role>().map_err(|error| refused(&format!("names no role: {error}")))?;
            if names.insert(value.trim().to_owned(), role).is_some_and(|other| other != role) {
                return Err(refused("gives a value a second role"));
            }
        }
        Ok(names)
    }

    fn jwks_url(&self) -> Result<CallbackUrl, String> {
        if self.jwks_url.is_empty() {
            return Err(missing(
                "jwks_url",
                "where the provider publishes its keys (jwks_uri of its metadata)",
            ));
        }
        let refused = |reason: &str| format!("security.jwt.jwks_url is `{}`: {reason}", self.jwks_url);
        let url =
            CallbackUrl::try_from(self.jwks_url.as_str()).map_err(|error| refused(&error.to_string()))?;
        let is_loopback = match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => IpAddr::from(address).is_loopback(),
            Some(Host::Ipv6(address)) => IpAddr::from(address).is_loopback(),
            None => false,
        };
        if url.url().scheme() != "https" && !is_loopback {
            return Err(refused("it must be https, or whoever is on the way could sign tokens"));
        }
        Ok(url)
    }
}

fn missing(name: &str, what: &str) -> String {
    format!("security.authentication accepts tokens, so security.jwt.{name} must be set: {what}")
}

fn claim(name: &str, text: &str) -> Result<ClaimPath, String> {
    ClaimPath::new(text).ok_or_else(|| missing(name, "the claim where it stands"))
}
