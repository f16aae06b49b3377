use std::path::{Path, PathBuf};

use nix::unistd::geteuid;

use super::{error::SettingsError, sources::Sources};

const FOLDER: &str = "callbacks";
/// For root: PostgreSQL runs as another user, who could not enter a folder below /root.
const SYSTEM_FOLDER: &str = "/var/lib/callbacks";

/// The named folder, or the usual place of the user's data (XDG Base Directory Specification).
pub(super) fn choose(named: Option<&Path>, sources: &Sources) -> Result<PathBuf, SettingsError> {
    if let Some(folder) = named {
        return std::path::absolute(folder).map_err(|error| SettingsError::Unreadable(error.to_string()));
    }
    if geteuid().is_root() {
        return Ok(PathBuf::from(SYSTEM_FOLDER));
    }
    // The specification says that a relative path in this variable is to be ignored.
    let data_home = sources.variable("XDG_DATA_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    data_home
        .or_else(|| sources.variable("HOME").map(|home| Path::new(home).join(".local/share")))
        .map(|data| data.join(FOLDER))
        .ok_or(SettingsError::NoStateFolder)
}
