use std::{io, path::PathBuf};

/// Why the private PostgreSQL cannot be had. Every text ends with what to do about it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EmbeddedPostgresError {
    #[error(
        "PostgreSQL is not installed (looked in {searched}): run `apt-get install postgresql`, name its folder in \
         CALLBACKS_DATABASE__POSTGRES_BIN_DIR, or point CALLBACKS_DATABASE__URL at a database of your own"
    )]
    NotInstalled { searched: String },

    #[error(
        "the data in {folder} was made by PostgreSQL {data}, but only PostgreSQL {installed} is installed: install \
         PostgreSQL {data}, or choose another folder with CALLBACKS_DATABASE__EMBEDDED_DIR"
    )]
    WrongVersion { folder: PathBuf, data: u32, installed: String },

    #[error(
        "another `callbacks` already runs its PostgreSQL in {folder}: stop it, choose another folder with \
         CALLBACKS_DATABASE__EMBEDDED_DIR, or share one database through CALLBACKS_DATABASE__URL"
    )]
    AlreadyRunning { folder: PathBuf },

    #[error(
        "user id {uid} has no entry in the password database, and PostgreSQL refuses to run for it: add the entry or \
         point CALLBACKS_DATABASE__URL at a database of your own"
    )]
    NoPasswdEntry { uid: u32 },

    #[error(
        "PostgreSQL refuses to run as root and there is neither a `postgres` nor a `nobody` user to run it as: run \
         `apt-get install postgresql`, or start callbacks as an ordinary user"
    )]
    NoUnprivilegedUser,

    #[error(
        "user `{user}`, as whom PostgreSQL runs, may not enter {obstacle}: choose a folder elsewhere with \
         CALLBACKS_DATABASE__EMBEDDED_DIR (such as /var/lib/callbacks)"
    )]
    Unreachable { user: String, obstacle: PathBuf },

    #[error(
        "the socket folder {folder} belongs to somebody else: remove it, or choose a shorter \
         CALLBACKS_DATABASE__EMBEDDED_DIR"
    )]
    ForeignSocketFolder { folder: PathBuf },

    #[error("a PostgreSQL left by an earlier run (process {pid}) does not stop: end it, then start again")]
    Unstoppable { pid: i32 },

    #[error("could not make a new PostgreSQL cluster: {detail}")]
    InitFailed { detail: String },

    #[error("the private PostgreSQL did not start: {detail}")]
    StartFailed { detail: String },

    #[error("{action}: {source}")]
    Io { action: String, source: io::Error },

    #[error("the thread that watches the private PostgreSQL is gone; its last words are in the log")]
    SupervisorGone,
}

/// Names the action in an I/O error, because "permission denied" alone helps nobody.
pub(super) trait Doing<T> {
    fn doing(self, action: impl FnOnce() -> String) -> Result<T, EmbeddedPostgresError>;
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, action: impl FnOnce() -> String) -> Result<T, EmbeddedPostgresError> {
        self.map_err(|source| EmbeddedPostgresError::Io { action: action(), source })
    }
}
