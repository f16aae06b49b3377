use std::{collections::BTreeMap, fmt, fs, path::PathBuf};

use config::{Value, ValueKind};

use super::{coercion, error::SettingsError, firefly_names, known_keys, sources::Sources};

const PREFIX: &str = "CALLBACKS_";
/// Variables with our prefix that are not settings but read by the command line: the settings file, and where commands that
/// talk to a service find it.
const NOT_SETTINGS: [&str; 3] = ["CALLBACKS_CONFIG", "CALLBACKS_URL", "CALLBACKS_API_KEY"];

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    Default,
    File(PathBuf),
    Variable(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Variable(name) => f.write_str(name),
        }
    }
}

/// One setting's value in force.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) kind: ValueKind,
    pub(super) origin: Origin,
}

/// All settings after the layers were laid over each other, by dotted key.
#[derive(Debug, Clone)]
pub(super) struct Layers {
    pub(super) entries: BTreeMap<String, Entry>,
    /// What the reader of the log should know about names that were accepted but mean something else here.
    pub(super) notices: Vec<String>,
}

impl Layers {
    pub(super) fn read(sources: &Sources) -> Result<Self, SettingsError> {
        let entries = known_keys::defaults()?
            .into_iter()
            .map(|(key, value)| (key, Entry { kind: value.kind, origin: Origin::Default }))
            .collect();
        let mut layers = Self { entries, notices: Vec::new() };
        layers.lay_file(sources)?;
        let firefly = firefly_names::translate(sources)?;
        for (key, variable, text) in firefly.values {
            layers.set_text(key, &text, Origin::Variable(variable))?;
        }
        layers.notices.extend(firefly.notices);
        layers.lay_environment(sources)?;
        Ok(layers)
    }

    fn lay_file(&mut self, sources: &Sources) -> Result<(), SettingsError> {
        let Some(path) = &sources.file else { return Ok(()) };
        let unreadable = |reason: String| SettingsError::File { path: path.clone(), reason };
        let text = fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
        for (key, value) in known_keys::parse(&text).map_err(|error| unreadable(error.to_string()))? {
            let origin = Origin::File(path.clone());
            let like = self.known(&key, &origin)?.kind.clone();
            let shown = value.to_string();
            let kind = coercion::from_file(value.kind, &like).map_err(|expected| {
                SettingsError::WrongKind { key: key.clone(), origin: origin.clone(), value: shown, expected }
            })?;
            self.entries.insert(key, Entry { kind, origin });
        }
        Ok(())
    }

    fn lay_environment(&mut self, sources: &Sources) -> Result<(), SettingsError> {
        for (variable, text) in &sources.environment {
            let Some(name) = variable.strip_prefix(PREFIX) else { continue };
            if NOT_SETTINGS.contains(&variable.as_str()) || is_service_link(name) || name.starts_with("TEST_")
            {
                continue;
            }
            let key = name.to_ascii_lowercase().replace("__", ".");
            self.set_text(&key, text, Origin::Variable(variable.clone()))?;
        }
        Ok(())
    }

    fn set_text(&mut self, key: &str, text: &str, origin: Origin) -> Result<(), SettingsError> {
        let like = &self.known(key, &origin)?.kind;
        let kind = coercion::from_text(text, like).map_err(|expected| SettingsError::WrongKind {
            key: key.to_owned(),
            origin: origin.clone(),
            value: text.to_owned(),
            expected,
        })?;
        self.entries.insert(key.to_owned(), Entry { kind, origin });
        Ok(())
    }

    fn known(&self, key: &str, origin: &Origin) -> Result<&Entry, SettingsError> {
        self.entries.get(key).ok_or_else(|| SettingsError::Unknown {
            key: key.to_owned(),
            origin: origin.clone(),
            nearest: known_keys::nearest(key, self.entries.keys()),
        })
    }

    /// The same values as one nested table, for serde.
    pub(super) fn nested(&self) -> Result<config::Config, config::ConfigError> {
        let mut builder = config::Config::builder();
        for (key, entry) in &self.entries {
            builder = builder.set_override(key, Value::new(None, entry.kind.clone()))?;
        }
        builder.build()
    }

    pub(super) fn origin(&self, key: &str) -> Origin {
        self.entries.get(key).map_or(Origin::Default, |entry| entry.origin.clone())
    }
}

/// Kubernetes gives every pod variables about each Service of its namespace; of one named "callbacks" they would look
/// like settings (CALLBACKS_SERVICE_HOST, CALLBACKS_PORT_8080_TCP_ADDR). Settings have a double underscore.
fn is_service_link(name: &str) -> bool {
    !name.contains("__") && (name == "PORT" || name.starts_with("PORT_") || name.starts_with("SERVICE_"))
}
