use std::{
    fs::{self, File, Permissions, TryLockError},
    hash::{DefaultHasher, Hash, Hasher},
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
    path::{Path, PathBuf},
};

use super::{
    account::Account,
    error::{Doing, EmbeddedPostgresError},
};

/// `sockaddr_un.sun_path` holds 108 bytes with the closing zero on Linux (104 elsewhere).
const SOCKET_PATH_LIMIT: usize = 103;
const SOCKET_FILE: &str = ".s.PGSQL.5432";
/// The log starts anew at a start that finds it longer than this, in bytes; one older log is kept.
const LOG_LIMIT: u64 = 16 * 1024 * 1024;

/// The folder of the private PostgreSQL, locked against a second instance for as long as this value lives:
/// `data/` (the cluster), `socket/`, `postgres.log`, `supervisor.lock`.
#[derive(Debug)]
pub(super) struct Folder {
    root: PathBuf,
    socket: PathBuf,
    _lock: File,
}

impl Folder {
    pub(super) fn open(dir: &Path, account: &Account) -> Result<Self, EmbeddedPostgresError> {
        // Before anything is made there: a refused folder stays as it was.
        account.check_reach(dir)?;
        make_root(dir, account)?;
        let root = dir.canonicalize().doing(|| format!("looking at {}", dir.display()))?;
        // Again for where symlinks lead.
        account.check_reach(&root)?;
        let lock = lock(&root)?;
        let socket = socket_folder(&root, account)?;
        Ok(Self { root, socket, _lock: lock })
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn data(&self) -> PathBuf {
        self.root.join("data")
    }

    pub(super) fn socket(&self) -> &Path {
        &self.socket
    }

    pub(super) fn socket_files(&self) -> [PathBuf; 2] {
        [self.socket.join(SOCKET_FILE), self.socket.join(format!("{SOCKET_FILE}.lock"))]
    }

    pub(super) fn log_path(&self) -> PathBuf {
        self.root.join("postgres.log")
    }

    /// Opens the log to append to, after setting an overlong one aside.
    pub(super) fn open_log(&self) -> Result<File, EmbeddedPostgresError> {
        let path = self.log_path();
        if path.metadata().is_ok_and(|meta| meta.len() > LOG_LIMIT) {
            fs::rename(&path, self.root.join("postgres.log.1"))
                .doing(|| format!("renaming {}", path.display()))?;
        }
        File::options().create(true).append(true).open(&path).doing(|| format!("opening {}", path.display()))
    }

    /// The URL sqlx connects with: the socket folder as `host` parameter, no password.
    pub(super) fn url(&self) -> String {
        Self::url_through(&self.socket)
    }

    /// The URL through a socket folder.
    pub(super) fn url_through(socket: &Path) -> String {
        let host = socket.to_string_lossy();
        let parameters =
            url::form_urlencoded::Serializer::new(String::new()).append_pair("host", &host).finish();
        format!("postgres://postgres@localhost/{}?{parameters}", super::cluster::DATABASE)
    }
}

/// Makes the folder when it is missing; another account that keeps its cluster in it must be able to pass through.
fn make_root(dir: &Path, account: &Account) -> Result<(), EmbeddedPostgresError> {
    if dir.is_dir() {
        return Ok(());
    }
    let doing = || format!("making the folder {}", dir.display());
    fs::create_dir_all(dir).doing(doing)?;
    let mode = if account.differs_from_ours() { 0o711 } else { 0o700 };
    fs::set_permissions(dir, Permissions::from_mode(mode)).doing(doing)
}

fn lock(root: &Path) -> Result<File, EmbeddedPostgresError> {
    let path = root.join("supervisor.lock");
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .doing(|| format!("opening {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err(EmbeddedPostgresError::AlreadyRunning { folder: root.to_path_buf() })
        }
        Err(TryLockError::Error(source)) => Err(source).doing(|| format!("locking {}", path.display())),
    }
}

/// `socket/` in the folder, or a short one in /tmp when the path would not fit into a socket address.
fn socket_folder(root: &Path, account: &Account) -> Result<PathBuf, EmbeddedPostgresError> {
    let beside = root.join("socket");
    let fits = beside.join(SOCKET_FILE).as_os_str().as_bytes().len() <= SOCKET_PATH_LIMIT;
    let socket = if fits { beside } else { short_folder(root, account) };
    if let Err(error) = fs::create_dir(&socket)
        && error.kind() != std::io::ErrorKind::AlreadyExists
    {
        return Err(error).doing(|| format!("making the folder {}", socket.display()));
    }
    if fits {
        account.own(&socket)?;
    }
    // In /tmp the name may have been taken by somebody else before us: then it is neither ours nor root's to use.
    let is_ours = account.owns_folder(&socket).doing(|| format!("looking at {}", socket.display()))?;
    if !is_ours && !adopt_from_root(&socket, account)? {
        return Err(EmbeddedPostgresError::ForeignSocketFolder { folder: socket });
    }
    fs::set_permissions(&socket, Permissions::from_mode(0o700))
        .doing(|| format!("closing {} to others", socket.display()))?;
    Ok(socket)
}

/// Gives a folder that root (we) just made to the account; refuses any other owner.
fn adopt_from_root(socket: &Path, account: &Account) -> Result<bool, EmbeddedPostgresError> {
    use std::os::unix::fs::MetadataExt;
    let meta = socket.symlink_metadata().doing(|| format!("looking at {}", socket.display()))?;
    let is_roots_own = account.differs_from_ours() && meta.is_dir() && meta.uid() == 0;
    if is_roots_own {
        account.own(socket)?;
    }
    Ok(is_roots_own)
}

fn short_folder(root: &Path, account: &Account) -> PathBuf {
    let mut hasher = DefaultHasher::new();
    root.hash(&mut hasher);
    Path::new("/tmp").join(format!("callbacks-{}-{:016x}", account.uid(), hasher.finish()))
}
