//! The service's private PostgreSQL, seen from outside: its processes and its write-ahead log.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sqlx::Connection as _;
use sqlx::postgres::{PgConnectOptions, PgConnection};

/// How deep below the service's folder the data folder may lie.
const SEARCH_DEPTH: usize = 4;

/// A running PostgreSQL found by its `postmaster.pid`.
#[derive(Debug, Clone)]
pub(crate) struct PrivatePostgres {
    pid: u32,
    port: u16,
    socket_folder: PathBuf,
    data_folder: PathBuf,
}

impl PrivatePostgres {
    /// Finds the server whose data folder lies below `folder`.
    pub(crate) fn find(folder: &Path) -> Result<Self> {
        let file = pid_file(folder, SEARCH_DEPTH).context("no postmaster.pid in the service's folder")?;
        Self::parse(&std::fs::read_to_string(file)?)
    }

    /// The lines of `postmaster.pid`: pid, data folder, start time, port, socket folder, address, shared memory, state.
    fn parse(text: &str) -> Result<Self> {
        let mut lines = text.lines();
        let mut next = || lines.next().context("a short postmaster.pid");
        let (pid, data_folder, _started) = (next()?.trim().parse()?, PathBuf::from(next()?), next()?);
        Ok(Self {
            pid,
            data_folder,
            port: next()?.trim().parse()?,
            socket_folder: PathBuf::from(next()?.trim()),
        })
    }

    /// Process id of its parent process.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Connects over its socket, as the user that owns the cluster.
    pub(crate) async fn connect(&self) -> Result<PgConnection> {
        let user = self.owner()?;
        let mut last = None;
        for name in [user.as_str(), "callbacks", "postgres"] {
            let options = PgConnectOptions::new().port(self.port).username(name).database("postgres");
            let options = match self.socket_folder.as_os_str().is_empty() {
                true => options.host("127.0.0.1"),
                false => options.socket(&self.socket_folder),
            };
            match PgConnection::connect_with(&options).await {
                Ok(connection) => return Ok(connection),
                Err(error) => last = Some(error),
            }
        }
        Err(last.context("no user to try")?).context("connecting to the private PostgreSQL")
    }

    fn owner(&self) -> Result<String> {
        use std::os::unix::fs::MetadataExt as _;
        let owner = nix::unistd::Uid::from_raw(std::fs::metadata(&self.data_folder)?.uid());
        Ok(nix::unistd::User::from_uid(owner)?.context("the data folder's owner has no name")?.name)
    }
}

/// Bytes of write-ahead log written since the cluster was made.
pub(crate) async fn wal_bytes(connection: &mut PgConnection) -> Result<i64> {
    let query = "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint";
    Ok(sqlx::query_scalar(query).fetch_one(connection).await?)
}

/// Writes out dirty pages now, so that every scenario starts with a clean slate.
pub(crate) async fn checkpoint(connection: &mut PgConnection) -> Result<()> {
    sqlx::query("CHECKPOINT").execute(connection).await?;
    Ok(())
}

fn pid_file(folder: &Path, depth: usize) -> Option<PathBuf> {
    let candidate = folder.join("postmaster.pid");
    if candidate.is_file() {
        return Some(candidate);
    }
    let below = std::fs::read_dir(folder).ok().filter(|_| depth > 0)?;
    below.filter_map(|entry| pid_file(&entry.ok()?.path(), depth - 1)).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pid_file_gives_port_and_socket() {
        let text = "4711\n/tmp/x/data\n1700000000\n54999\n/tmp/x/run\nlocalhost\n   1 2\nready   \n";
        let postgres = PrivatePostgres::parse(text).expect("parses");
        assert_eq!((postgres.pid, postgres.port), (4711, 54999));
        assert_eq!(postgres.socket_folder, PathBuf::from("/tmp/x/run"));
    }
}
