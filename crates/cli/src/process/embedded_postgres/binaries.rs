use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::error::EmbeddedPostgresError;

/// Where distributions keep PostgreSQL's server programs, which are seldom on the PATH: (parent, prefix of the
/// version's folder, what follows it).
const INSTALL_PLACES: [(&str, &str, &str); 4] = [
    ("/usr/lib/postgresql", "", "bin"),
    ("/usr", "pgsql-", "bin"),
    ("/opt/homebrew/opt", "postgresql@", "bin"),
    ("/usr/local", "pgsql", "bin"),
];

/// One installed PostgreSQL: the folder with `initdb` and `postgres`, and its major version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Binaries {
    folder: PathBuf,
    major: u32,
}

impl Binaries {
    /// Finds the PostgreSQL to run: the folder named by the settings or else PATH, or else the distribution's
    /// places, newest first. Existing data decides: only the major version that wrote it can read it.
    pub(super) fn locate(
        named: Option<&Path>,
        data_folder: &Path,
        data_major: Option<u32>,
    ) -> Result<Self, EmbeddedPostgresError> {
        let candidates = match named {
            Some(folder) => vec![folder.to_path_buf()],
            None => default_folders(),
        };
        let installed: Vec<Self> = candidates.iter().filter_map(|folder| Self::inspect(folder)).collect();
        if installed.is_empty() {
            return Err(EmbeddedPostgresError::NotInstalled {
                searched: named.map_or_else(
                    || "PATH, /usr/lib/postgresql/*/bin, /usr/pgsql-*/bin".to_owned(),
                    |folder| folder.display().to_string(),
                ),
            });
        }
        choose(installed, data_folder, data_major)
    }

    fn inspect(folder: &Path) -> Option<Self> {
        if !folder.join("initdb").is_file() {
            return None;
        }
        let answer = Command::new(folder.join("postgres")).arg("--version").output().ok()?;
        let major = major_of(&String::from_utf8_lossy(&answer.stdout))?;
        Some(Self { folder: folder.to_path_buf(), major })
    }

    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

fn choose(
    installed: Vec<Binaries>,
    data_folder: &Path,
    data_major: Option<u32>,
) -> Result<Binaries, EmbeddedPostgresError> {
    let versions: Vec<String> = installed.iter().map(|found| found.major.to_string()).collect();
    installed.into_iter().find(|found| data_major.is_none_or(|major| major == found.major)).ok_or_else(|| {
        EmbeddedPostgresError::WrongVersion {
            folder: data_folder.to_path_buf(),
            data: data_major.unwrap_or_default(),
            installed: versions.join(", "),
        }
    })
}

fn default_folders() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = env::var_os("PATH")
        .iter()
        .flat_map(env::split_paths)
        // A link on the PATH must be followed: PostgreSQL finds its libraries beside the real file.
        .filter_map(|entry| entry.join("initdb").canonicalize().ok()?.parent().map(Path::to_path_buf))
        .collect();
    for (parent, prefix, tail) in INSTALL_PLACES {
        let mut versions: Vec<(u32, PathBuf)> = fs::read_dir(parent)
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| {
                let name = entry.file_name().into_string().ok()?;
                let version = name.strip_prefix(prefix)?;
                Some((version.parse().unwrap_or(0), entry.path().join(tail)))
            })
            .filter(|(_, folder)| folder.join("initdb").is_file())
            .collect();
        versions.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
        folders.extend(versions.into_iter().map(|(_, folder)| folder));
    }
    let mut seen = Vec::new();
    folders.retain(|folder| {
        !seen.contains(folder) && {
            seen.push(folder.clone());
            true
        }
    });
    folders
}

/// `postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)` → 15; `18beta1` → 18.
fn major_of(version_line: &str) -> Option<u32> {
    let version = version_line.split_whitespace().nth(2)?;
    let digits: String = version.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(major: u32) -> Binaries {
        Binaries { folder: PathBuf::from(format!("/pg/{major}")), major }
    }

    #[test]
    fn the_major_version_is_read_from_release_and_beta_lines() {
        assert_eq!(major_of("postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)\n"), Some(15));
        assert_eq!(major_of("postgres (PostgreSQL) 18beta1"), Some(18));
        assert_eq!(major_of("command not found"), None);
    }

    #[test]
    fn existing_data_picks_its_own_version_and_nothing_else() {
        let installed = vec![version(17), version(15)];
        let data = Path::new("/data");
        assert_eq!(choose(installed.clone(), data, None).expect("newest"), version(17));
        assert_eq!(choose(installed.clone(), data, Some(15)).expect("matching"), version(15));
        let refusal = choose(installed, data, Some(18)).expect_err("no 18 here").to_string();
        assert!(refusal.contains("made by PostgreSQL 18"), "{refusal}");
        assert!(refusal.contains("17, 15"), "{refusal}");
    }

    #[test]
    fn an_empty_folder_says_how_to_install() {
        let refusal = Binaries::locate(Some(Path::new("/nowhere")), Path::new("/data"), None)
            .expect_err("nothing there")
            .to_string();
        assert!(refusal.contains("apt-get install postgresql"), "{refusal}");
    }
}
