use std::path::PathBuf;

use super::layers::Origin;

/// Why the settings cannot be used. Each text names the setting, where its value came from, and what would be right.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    #[error("the settings file {path} cannot be read: {reason}", path = .path.display())]
    File { path: PathBuf, reason: String },

    #[error(
        "{origin}: there is no setting `{key}`; did you mean `{nearest}`? config/default.toml lists them all"
    )]
    Unknown { key: String, origin: Origin, nearest: String },

    #[error("{origin}: `{value}` is not {expected}, which `{key}` needs")]
    WrongKind { key: String, origin: Origin, value: String, expected: &'static str },

    #[error("{origin}: `{key}` is {value}, but must be between {least} and {most}")]
    OutOfRange { key: String, origin: Origin, value: String, least: f64, most: f64 },

    #[error("{origin}: {reason}")]
    Refused { origin: Origin, reason: String },

    #[error("the settings contradict each other: {0}")]
    Contradiction(String),

    #[error("a setting cannot be read: {0}")]
    Unreadable(String),

    #[error(
        "there is no folder for the service's data: set CALLBACKS_DATABASE__EMBEDDED_DIR (neither XDG_DATA_HOME nor \
         HOME is set)"
    )]
    NoStateFolder,
}
