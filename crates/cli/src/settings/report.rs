use std::fmt;

use config::ValueKind;
use url::Url;

use super::{error::SettingsError, layers::Layers, proxy_section::ENVIRONMENT};

/// Keys whose value is never shown.
const SECRETS: [&str; 1] = ["security.encryption_key"];
/// Keys whose items are `name=value`, of which the name is shown.
const PROPERTIES: [&str; 1] = ["sources.kafka_properties"];
/// Keys whose URL is shown without its password.
const URLS: [&str; 5] =
    ["database.url", "egress.proxy_url", "sources.amqp_url", "sources.nats_url", "sources.redis_url"];

/// One setting in force, fit to be printed: `server.port = 8080    # default`.
#[derive(Debug, Clone)]
pub(crate) struct ReportLine {
    key: String,
    value: String,
    origin: String,
}

impl fmt::Display for ReportLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let setting = format!("{} = {}", self.key, self.value);
        write!(f, "{setting:<60} # {}", self.origin)
    }
}

pub(super) fn lines(layers: &Layers) -> Vec<ReportLine> {
    layers
        .entries
        .iter()
        .map(|(key, entry)| ReportLine {
            key: key.clone(),
            value: shown(key, &entry.kind),
            origin: entry.origin.to_string(),
        })
        .collect()
}

/// A URL without its password.
pub(crate) fn masked_url(url: &str) -> String {
    match Url::parse(url) {
        // Without `//` no part of it is known to be a password.
        Ok(parsed) if parsed.cannot_be_a_base() => "***".to_owned(),
        Ok(mut parsed) => {
            if parsed.password().is_some() && parsed.set_password(Some("***")).is_err() {
                return "***".to_owned();
            }
            let has_secret_parameter = parsed.query_pairs().any(|(name, _)| name.contains("password"));
            if has_secret_parameter {
                parsed.set_query(Some("***"));
            }
            parsed.into()
        }
        Err(_) => "***".to_owned(),
    }
}

/// Serde knows the key but not where its value came from.
pub(super) fn with_origin(error: &config::ConfigError, layers: &Layers) -> SettingsError {
    let text = error.to_string();
    let named = layers.entries.keys().filter(|key| text.contains(key.as_str())).max_by_key(|key| key.len());
    match named {
        Some(key) => SettingsError::Refused { origin: layers.origin(key), reason: text },
        None => SettingsError::Unreadable(text),
    }
}

fn shown(key: &str, kind: &ValueKind) -> String {
    match kind {
        ValueKind::String(text) if text.is_empty() => "\"\"".to_owned(),
        ValueKind::String(_) if SECRETS.contains(&key) => "\"***\"".to_owned(),
        ValueKind::String(text) if URLS.contains(&key) && text != ENVIRONMENT => {
            format!("{:?}", masked_url(text))
        }
        ValueKind::String(text) => format!("{text:?}"),
        ValueKind::Array(items) => {
            let text = |item: &config::Value| match (PROPERTIES.contains(&key), item.to_string()) {
                (true, item) => format!("{}=***", item.split('=').next().unwrap_or_default()),
                (false, item) => item,
            };
            let items: Vec<String> = items.iter().map(|item| format!("{:?}", text(item))).collect();
            format!("[{}]", items.join(", "))
        }
        other => other.to_string(),
    }
}
