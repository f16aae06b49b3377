//! What all imports from other systems have in common.

use std::collections::BTreeMap;

use anyhow::{Context as _, bail};
use callbacks_interfaces::callback_url::CallbackUrl;
use callbacks_interfaces::named_enum::NamedEnum as _;
use callbacks_interfaces::wire_headers::custom_header_problems;
use callbacks_interfaces::wire_profile::WireProfile;
use serde_json::{Map, Value, json};

use super::wanted::{GROUP, IMPORTED_FROM, Kind, Wanted, WantedResource};

/// Most retries a configuration can have.
const MAX_RETRIES: u64 = 10;

/// Collects an import: configurations, and the domains they send to.
pub(super) struct Import {
    wanted: Wanted,
    system: &'static str,
    /// Whether plain HTTP is needed, by tenant and domain.
    domains: BTreeMap<(String, String), bool>,
}

/// Who an imported configuration is.
pub(super) struct Identity<'a> {
    pub(super) place: &'a str,
    pub(super) tenant: &'a str,
    pub(super) name: String,
    /// What it was part of in the other system.
    pub(super) group: &'a str,
}

impl Import {
    /// An import from a system, named as its wire profile.
    pub(super) fn from(system: &'static str) -> Self {
        let wanted = Wanted { imported_from: Some(system), ..Wanted::default() };
        Self { wanted, system, domains: BTreeMap::new() }
    }

    /// Says that something could not be carried over exactly.
    pub(super) fn note(&mut self, place: &str, note: impl AsRef<str>) {
        self.wanted.notes.push(format!("{place}: {}", note.as_ref()));
    }

    /// Adds a configuration with the import's wire profile.
    pub(super) fn configuration(&mut self, who: Identity<'_>, mut body: Map<String, Value>) {
        body.insert("name".to_owned(), who.name.as_str().into());
        body.insert("tenantId".to_owned(), who.tenant.into());
        body.insert("wireProfile".to_owned(), self.system.into());
        let metadata = body.entry("metadata").or_insert_with(|| json!({}));
        if let Value::Object(metadata) = metadata {
            metadata.insert(GROUP.to_owned(), who.group.into());
            metadata.insert(IMPORTED_FROM.to_owned(), self.system.into());
        }
        if let Some(url) =
            body.get("url").and_then(Value::as_str).and_then(|url| CallbackUrl::try_from(url).ok())
        {
            let needs_http = self.domains.entry((who.tenant.to_owned(), domain_of(&url))).or_default();
            *needs_http |= !url.is_https();
        }
        self.wanted.scopes.insert((who.tenant.to_owned(), Kind::Configuration));
        self.wanted.resources.push(WantedResource {
            kind: Kind::Configuration,
            place: who.place.to_owned(),
            tenant: who.tenant.to_owned(),
            name: who.name,
            body,
        });
    }

    /// Everything collected, domains first.
    pub(super) fn finish(self) -> Wanted {
        let mut wanted = self.wanted;
        let domains = self.domains.into_iter().map(|((tenant, domain), needs_http)| {
            let mut body = Map::from_iter([
                ("domain".to_owned(), domain.as_str().into()),
                ("tenantId".to_owned(), tenant.as_str().into()),
                ("verified".to_owned(), true.into()),
            ]);
            if needs_http {
                body.insert("requireHttps".to_owned(), false.into());
            }
            WantedResource {
                kind: Kind::Domain,
                place: format!("domain {domain}"),
                tenant,
                name: domain,
                body,
            }
        });
        wanted.resources = domains.chain(wanted.resources).collect();
        wanted
    }

    /// A secret, when there is one, and the switch that goes with it.
    pub(super) fn sign(body: &mut Map<String, Value>, secret: Option<&str>) {
        let secret = secret.filter(|secret| !secret.is_empty());
        body.insert("signatureEnabled".to_owned(), secret.is_some().into());
        if let Some(secret) = secret {
            body.insert("secret".to_owned(), secret.into());
        }
    }

    /// Headers without those the service sets itself.
    pub(super) fn headers(
        &mut self,
        place: &str,
        body: &mut Map<String, Value>,
        headers: BTreeMap<String, String>,
    ) {
        let mut kept = Map::new();
        let profile = WireProfile::from_name(self.system).unwrap_or_default();
        let signature = profile.header_of(profile.default_scheme());
        for (name, value) in headers {
            let one = BTreeMap::from([(name.clone(), value.clone())]);
            match custom_header_problems(&one, Some(signature)).into_iter().next() {
                Some(problem) => self.note(place, format!("header {name} is left out: {}", problem.message)),
                None => {
                    kept.insert(name, value.into());
                }
            }
        }
        body.insert("customHeaders".to_owned(), if kept.is_empty() { Value::Null } else { kept.into() });
    }

    /// `attempts` in all as retries, as far as the service goes.
    pub(super) fn retries(&mut self, place: &str, attempts: u64) -> u64 {
        let retries = attempts.saturating_sub(1);
        if attempts == 0 {
            self.note(place, "no attempts at all: imported with one");
        }
        if retries > MAX_RETRIES {
            self.note(
                place,
                format!("{attempts} attempts are more than {}: imported with as many", MAX_RETRIES + 1),
            );
        }
        retries.min(MAX_RETRIES)
    }
}

/// The domain pattern that stands for a URL's host and port.
fn domain_of(url: &CallbackUrl) -> String {
    let host = url.url().host_str().unwrap_or_default();
    if matches!(url.port(), 80 | 443) { host.to_owned() } else { format!("{host}:{}", url.port()) }
}

/// A member that must be a map.
pub(super) fn object<'a>(value: &'a Value, place: &str) -> anyhow::Result<&'a Map<String, Value>> {
    value.as_object().with_context(|| format!("{place} must be a map"))
}

/// A text that may be missing.
pub(super) fn text<'a>(
    members: &'a Map<String, Value>,
    name: &str,
    place: &str,
) -> anyhow::Result<Option<&'a str>> {
    match members.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => bail!("{place}.{name} must be a text"),
    }
}

/// A text that must be there.
pub(super) fn required<'a>(
    members: &'a Map<String, Value>,
    name: &str,
    place: &str,
) -> anyhow::Result<&'a str> {
    text(members, name, place)?
        .filter(|text| !text.is_empty())
        .with_context(|| format!("{place}.{name} is required"))
}

/// A switch that may be missing.
pub(super) fn flag_or_true(members: &Map<String, Value>, name: &str, place: &str) -> anyhow::Result<bool> {
    match members.get(name) {
        None | Some(Value::Null) => Ok(true),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(_) => bail!("{place}.{name} must be true or false"),
    }
}

/// A count that may be missing.
pub(super) fn count(members: &Map<String, Value>, name: &str, place: &str) -> anyhow::Result<Option<u64>> {
    match members.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => {
            value.as_u64().map(Some).with_context(|| format!("{place}.{name} must be a whole number"))
        }
    }
}

/// The tenant named, or the default one.
pub(super) fn tenant_or<'a>(named: Option<&'a str>, default_tenant: &'a str) -> &'a str {
    named.filter(|tenant| !tenant.is_empty()).unwrap_or(default_tenant)
}

/// The status of something that is switched on or off.
pub(super) fn status(enabled: bool) -> Value {
    Value::from(if enabled { "ACTIVE" } else { "DISABLED" })
}
