use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

use super::sections::Settings;

const KEY_FILE: &str = "encryption.key";

/// The 32 bytes that encrypt secrets at rest. Not printable; wiped from memory when dropped.
pub(crate) struct EncryptionKey(Zeroizing<[u8; 32]>);

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EncryptionKeyError {
    #[error("{place} is not the base64 of 32 bytes; make one with `openssl rand -base64 32`")]
    NotAKey { place: String },
    #[error("the encryption key file {path} cannot be {action}: {source}", path = .path.display())]
    File { path: PathBuf, action: &'static str, source: io::Error },
}

impl EncryptionKey {
    /// The key of the settings, or of the file they name, or of the state folder, made there when missing.
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

    pub(crate) fn into_bytes(self) -> Zeroizing<[u8; 32]> {
        self.0
    }

    fn read(path: &Path) -> Result<Self, EncryptionKeyError> {
        let text = fs::read_to_string(path).map(Zeroizing::new).map_err(|source| {
            EncryptionKeyError::File { path: path.to_path_buf(), action: "read", source }
        })?;
        Self::parse(&text, &path.display().to_string())
    }

    fn parse(text: &str, place: &str) -> Result<Self, EncryptionKeyError> {
        let mut key = Zeroizing::new([0; 32]);
        match STANDARD.decode(text.trim()).map(Zeroizing::new) {
            Ok(bytes) if bytes.len() == key.len() => {
                key.copy_from_slice(&bytes);
                Ok(Self(key))
            }
            _ => Err(EncryptionKeyError::NotAKey { place: place.to_owned() }),
        }
    }
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
        let key = EncryptionKey::parse(&format!("{text}\n"), "test").expect("a key");
        assert_eq!(*key.into_bytes(), [7; 32]);
        for wrong in ["", "short", &STANDARD.encode([7; 31]), "not base64!"] {
            let error = EncryptionKey::parse(wrong, "security.encryption_key").err().expect("refused");
            assert!(error.to_string().contains("openssl rand -base64 32"));
        }
    }

    #[test]
    fn a_made_key_is_private_and_kept() {
        use std::os::unix::fs::PermissionsExt;
        let folder = std::env::temp_dir().join(format!("callbacks-key-test-{}", std::process::id()));
        let path = folder.join(KEY_FILE);
        create(&path).expect("made");
        let first = EncryptionKey::read(&path).expect("read").into_bytes();
        let mode = fs::metadata(&path).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        create(&path).expect("a second start at the same moment");
        assert_eq!(EncryptionKey::read(&path).expect("read").into_bytes(), first);
        assert_eq!(fs::read_dir(&folder).expect("listed").count(), 1, "nothing unfinished is left");
        fs::remove_dir_all(&folder).expect("removed");
    }
}
