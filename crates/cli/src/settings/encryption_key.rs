use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

use callbacks_models::secret_column::{KeyringError, SecretKeyring};

use super::sections::Settings;

const KEY_FILE: &str = "encryption.key";

/// Id of a key that is given without one.
const UNNAMED: &str = "k1";

/// A key: its id, and its 32 bytes, wiped from memory when dropped.
type Key = (String, Zeroizing<[u8; 32]>);

/// The keys that encrypt secrets at rest: the current one, and older ones that are only read with. Not printable.
pub(crate) struct EncryptionKeys {
    current: Key,
    older: Vec<Key>,
}

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EncryptionKeyError {
    #[error(
        "key {number} of {place} is not the base64 of 32 bytes (with an id: k2:<base64>); make one with \
         `openssl rand -base64 32`"
    )]
    NotAKey { place: String, number: usize },
    #[error("the encryption key file {path} cannot be {action}: {source}", path = .path.display())]
    File { path: PathBuf, action: &'static str, source: io::Error },
}

impl EncryptionKeys {
    /// The keys of the settings, or of the file they name, or of the state folder, made there when missing.
    pub(crate) fn obtain(settings: &Settings) -> Result<Self, EncryptionKeyError> {
        let security = &settings.security;
        if let Some(text) = &security.encryption_key {
            return Self::parse(text, "security.encryption_key");
        }
        if let Some(path) = &security.encryption_key_file {
            return Self::read(path);
        }
        let path = settings.state_folder().join(KEY_FILE);
        if !path.exists() {
            create(&path)?;
            tracing::warn!(
                "made an encryption key in {}: keep a copy, without it the stored secrets are lost; other replicas need \
                 the same (security.encryption_key_file)",
                path.display()
            );
        }
        Self::read(&path)
    }

    pub(crate) fn into_keyring(self) -> Result<SecretKeyring, KeyringError> {
        SecretKeyring::new(self.current, self.older)
    }

    fn read(path: &Path) -> Result<Self, EncryptionKeyError> {
        let text = fs::read_to_string(path).map(Zeroizing::new).map_err(|source| {
            EncryptionKeyError::File { path: path.to_path_buf(), action: "read", source }
        })?;
        Self::parse(&text, &path.display().to_string())
    }

    /// Keys are separated by commas or line ends, the current one first; a line that begins with # is a remark.
    fn parse(text: &str, place: &str) -> Result<Self, EncryptionKeyError> {
        let written = text
            .lines()
            .filter(|line| !line.trim_start().starts_with('#'))
            .flat_map(|line| line.split(','))
            .map(str::trim)
            .filter(|key| !key.is_empty());
        let refused = |number| EncryptionKeyError::NotAKey { place: place.to_owned(), number };
        let mut keys = Vec::new();
        for (index, key) in written.enumerate() {
            keys.push(parse_key(key).ok_or_else(|| refused(index + 1))?);
        }
        let mut keys = keys.into_iter();
        let current = keys.next().ok_or_else(|| refused(1))?;
        Ok(Self { current, older: keys.collect() })
    }
}

fn parse_key(text: &str) -> Option<Key> {
    let (id, base64) = text.split_once(':').unwrap_or((UNNAMED, text));
    let bytes = STANDARD.decode(base64.trim()).map(Zeroizing::new).ok()?;
    let key = <[u8; 32]>::try_from(bytes.as_slice()).ok()?;
    Some((id.trim().to_owned(), Zeroizing::new(key)))
}

/// Writes a new key under a name of its own first, so that two starts at once agree on one and no half key is read.
fn create(path: &Path) -> Result<(), EncryptionKeyError> {
    let write = || -> io::Result<()> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let unfinished = path.with_extension(format!("key.{}", std::process::id()));
        let mut file =
            OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&unfinished)?;
        let key = Zeroizing::new(rand::random::<[u8; 32]>());
        writeln!(file, "{}", STANDARD.encode(*key))?;
        file.sync_all()?;
        match fs::hard_link(&unfinished, path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        fs::remove_file(&unfinished)
    };
    write().map_err(|source| EncryptionKeyError::File { path: path.to_path_buf(), action: "made", source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_32_bytes_of_base64() {
        let text = STANDARD.encode([7; 32]);
        let keys = EncryptionKeys::parse(&format!("{text}\n"), "test").expect("a key");
        assert_eq!(keys.current, ("k1".to_owned(), Zeroizing::new([7; 32])));
        for wrong in
            ["", "short", &STANDARD.encode([7; 31]), "not base64!", "# only a remark", "k2:", "k2:short"]
        {
            let error = EncryptionKeys::parse(wrong, "security.encryption_key").err().expect("refused");
            assert!(error.to_string().contains("openssl rand -base64 32"), "{wrong:?}: {error}");
        }
        let error =
            EncryptionKeys::parse(&format!("{text},k0:x"), "here").err().expect("refused").to_string();
        assert!(error.starts_with("key 2 of here"), "{error}");
    }

    #[test]
    fn the_first_of_several_keys_is_the_current_one() {
        let [new, old] = [[2; 32], [1; 32]].map(|key| STANDARD.encode(key));
        for text in [format!("k2:{new},{old}"), format!("# rotated\nk2:{new}\n\nk1: {old}\n")] {
            let keys = EncryptionKeys::parse(&text, "test").expect("two keys");
            assert_eq!(keys.current.0, "k2");
            assert_eq!(keys.older, [("k1".to_owned(), Zeroizing::new([1; 32]))]);
            let ring = keys.into_keyring().expect("a ring");
            assert!(ring.current_key_id() == "k2" && ring.has_key("k1"));
        }
        let twice = EncryptionKeys::parse(&format!("{new},{old}"), "test").expect("two keys");
        assert!(twice.into_keyring().is_err(), "both are called k1");
    }

    #[test]
    fn a_made_key_is_private_and_kept() {
        use std::os::unix::fs::PermissionsExt;
        let folder = std::env::temp_dir().join(format!("callbacks-key-test-{}", std::process::id()));
        let path = folder.join(KEY_FILE);
        create(&path).expect("made");
        let first = EncryptionKeys::read(&path).expect("read").current;
        let mode = fs::metadata(&path).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        create(&path).expect("a second start at the same moment");
        assert_eq!(EncryptionKeys::read(&path).expect("read").current, first);
        assert_eq!(fs::read_dir(&folder).expect("listed").count(), 1, "nothing unfinished is left");
        fs::remove_dir_all(&folder).expect("removed");
    }
}
