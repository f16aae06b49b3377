use std::{
    fs,
    io::Write,
    path::Path,
    process::{Command, Output, Stdio},
};

use super::{
    account::Account,
    binaries::Binaries,
    error::{Doing, EmbeddedPostgresError},
    folder::Folder,
};

/// The database inside the cluster.
pub(super) const DATABASE: &str = "callbacks";

/// The major version that wrote the data, or `None` when there is no cluster yet.
pub(super) fn data_version(data: &Path) -> Result<Option<u32>, EmbeddedPostgresError> {
    if !data.exists() {
        return Ok(None);
    }
    let path = data.join("PG_VERSION");
    let text = fs::read_to_string(&path).doing(|| format!("reading {}", path.display()))?;
    text.trim()
        .parse()
        .map(Some)
        .map_err(std::io::Error::other)
        .doing(|| format!("reading {}", path.display()))
}

/// Makes the cluster in `data.init` and renames it to `data` when complete, so an interrupted `initdb` is never taken
/// for a cluster.
pub(super) fn create(
    folder: &Folder,
    binaries: &Binaries,
    account: &Account,
) -> Result<(), EmbeddedPostgresError> {
    let unfinished = folder.root().join("data.init");
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished).doing(|| format!("removing {}", unfinished.display()))?;
    }
    fs::create_dir(&unfinished).doing(|| format!("making {}", unfinished.display()))?;
    account.own(&unfinished)?;
    init(&unfinished, binaries, account)?;
    create_database(&unfinished, binaries, account)?;
    // Once for all that was written, instead of after each step.
    sync(&unfinished, binaries, account)?;
    fs::rename(&unfinished, folder.data()).doing(|| format!("renaming {}", unfinished.display()))?;
    // The rename itself must survive a power cut.
    fs::File::open(folder.root())
        .and_then(|root| root.sync_all())
        .doing(|| format!("syncing {}", folder.root().display()))
}

/// Builds the command for one of PostgreSQL's programs: as the account, with an environment of its own, because
/// variables such as PGPORT or PGDATA of the caller's shell must not reach it.
pub(super) fn prepare(command: &mut Command, account: &Account, data: &Path) {
    command
        .env_clear()
        .env("LC_ALL", "C.UTF-8")
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .current_dir(data);
    account.apply(command);
}

fn init(data: &Path, binaries: &Binaries, account: &Account) -> Result<(), EmbeddedPostgresError> {
    let mut initdb = Command::new(binaries.program("initdb"));
    prepare(&mut initdb, account, data);
    initdb
        .args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8"])
        .args(["--data-checksums", "--no-sync", "--no-instructions", "-D"])
        .arg(data)
        .stdin(Stdio::null());
    let output = initdb.output().doing(|| "running initdb".to_owned())?;
    succeed(&output)
}

fn sync(data: &Path, binaries: &Binaries, account: &Account) -> Result<(), EmbeddedPostgresError> {
    let mut initdb = Command::new(binaries.program("initdb"));
    prepare(&mut initdb, account, data);
    initdb.args(["--sync-only", "-D"]).arg(data).stdin(Stdio::null());
    succeed(&initdb.output().doing(|| "syncing the new cluster".to_owned())?)
}

/// Single-user mode makes the database before the cluster is renamed, so a cluster without it never exists.
fn create_database(data: &Path, binaries: &Binaries, account: &Account) -> Result<(), EmbeddedPostgresError> {
    let mut postgres = Command::new(binaries.program("postgres"));
    prepare(&mut postgres, account, data);
    postgres
        .args(["--single", "-F", "-D"])
        .arg(data)
        .arg("postgres")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let doing = || "making the database".to_owned();
    let mut child = postgres.spawn().doing(doing)?;
    if let Some(mut input) = child.stdin.take() {
        writeln!(input, "CREATE DATABASE {DATABASE}").doing(doing)?;
    }
    let output = child.wait_with_output().doing(doing)?;
    succeed(&output)
}

fn succeed(output: &Output) -> Result<(), EmbeddedPostgresError> {
    let complaint = String::from_utf8_lossy(&output.stderr);
    // Single-user mode ends with status 0 even when its statement failed.
    if output.status.success() && !complaint.contains("ERROR:") {
        return Ok(());
    }
    Err(EmbeddedPostgresError::InitFailed { detail: format!("{}; {}", output.status, complaint.trim()) })
}
