//! What a subscription's `connectionConfig` and `consumerProperties` say. Pure.

use std::collections::BTreeMap;
use std::fmt::Display;

use callbacks_core::sources::event_source::SourceError;
use callbacks_interfaces::event_subscription::EventSubscription;

use crate::settings::{OwnBrokers, SourcesSettings};

/// Properties under their normal names: lower case, with dots, so that `bootstrapServers`, `bootstrap-servers` and
/// `bootstrap.servers` are one.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Properties(BTreeMap<String, String>);

impl Properties {
    /// From a map of the API or of the settings. Blank values count as absent.
    #[must_use]
    pub fn of(map: Option<&BTreeMap<String, String>>) -> Self {
        let pairs = map.into_iter().flatten().filter(|(_, value)| !value.trim().is_empty());
        Self(pairs.map(|(name, value)| (normal_name(name), value.trim().to_owned())).collect())
    }

    /// The first of these that is there, names in their normal form.
    #[must_use]
    pub fn get(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| self.0.get(*name)).map(String::as_str)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// `bootstrapServers` → `bootstrap.servers`; names that are all upper case only change case.
fn normal_name(name: &str) -> String {
    let mut normal = String::with_capacity(name.len() + 4);
    let mut after_lower = false;
    for character in name.trim().chars() {
        let character = if matches!(character, '-' | '_') { '.' } else { character };
        if character.is_ascii_uppercase() && after_lower {
            normal.push('.');
        }
        after_lower = character.is_ascii_lowercase() || character.is_ascii_digit();
        normal.push(character.to_ascii_lowercase());
    }
    normal
}

/// The URL of a subscription's broker: its own, or else the service's. A subscription that brings its own never gets the
/// service's credentials with it.
///
/// # Errors
/// When there is neither, or it may not bring its own.
pub fn broker_url(
    subscription: &EventSubscription,
    settings: &SourcesSettings,
    service_wide: Option<&String>,
    system: &str,
) -> Result<String, SourceError> {
    let own = Properties::of(subscription.connection_config.as_ref());
    if let Some(url) = own.get(&["url", "uri", "addresses", "servers", "server", "host"]) {
        own_broker_allowed(settings)?;
        return Ok(url.to_owned());
    }
    service_wide.cloned().ok_or_else(|| {
        SourceError(format!(
            "connectionConfig.url is missing and the service has no {system} of its own; give one of the two"
        ))
    })
}

/// # Errors
/// When subscriptions may not bring their own brokers.
pub fn own_broker_allowed(settings: &SourcesSettings) -> Result<(), SourceError> {
    match settings.own_brokers {
        OwnBrokers::Allowed => Ok(()),
        OwnBrokers::Refused => Err(SourceError(
            "this service reads from its own brokers only; leave connectionConfig out".to_owned(),
        )),
    }
}

/// What a client library says went wrong, fit to be shown.
#[must_use]
pub fn failed(error: impl Display) -> SourceError {
    SourceError(without_credentials(&error.to_string()))
}

/// Every credential inside a URL-like text replaced, so that an error may quote it.
#[must_use]
pub fn without_credentials(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        shown.push_str(before);
        let end = after
            .find(|c: char| c.is_whitespace() || matches!(c, '/' | '?' | '#' | ',' | '"' | '\''))
            .unwrap_or(after.len());
        let (authority, tail) = after.split_at(end);
        shown.push_str(authority.rsplit_once('@').map_or(authority, |(_, host)| host));
        rest = tail;
    }
    shown.push_str(rest);
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_property_has_many_spellings() {
        for name in [
            "bootstrap.servers",
            "bootstrapServers",
            "bootstrap-servers",
            "BOOTSTRAP_SERVERS",
            "Bootstrap.Servers",
        ] {
            assert_eq!(normal_name(name), "bootstrap.servers", "{name}");
        }
        assert_eq!(normal_name("sasl.jaas.config"), "sasl.jaas.config");
    }

    #[test]
    fn credentials_are_never_shown() {
        assert_eq!(
            without_credentials("cannot reach amqp://user:p@ss@host:5672/v: refused"),
            "cannot reach amqp://host:5672/v: refused"
        );
        assert_eq!(without_credentials("nats://a:b@x,nats://c:d@y"), "nats://x,nats://y");
        assert_eq!(without_credentials("no URL at all: a@b"), "no URL at all: a@b");
    }
}
