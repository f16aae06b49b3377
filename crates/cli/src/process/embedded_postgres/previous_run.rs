//! What a crash left behind: server processes that still hold the data, and files that name processes now gone.

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::{
    error::{Doing, EmbeddedPostgresError},
    folder::Folder,
};

/// How long a left-over server may take for each kind of stop.
const FAST_STOP: Duration = Duration::from_secs(30);
const IMMEDIATE_STOP: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(20);

/// Stops every server process of an earlier run, and only then removes the lock files it left.
///
/// The files alone prove nothing: the process id in them may belong to a stranger by now, or to nobody. What counts is
/// which processes work in the data folder. The caller holds the folder's lock, so none of them is another
/// supervisor's. Without /proc (not Linux) nothing is touched and PostgreSQL judges its files itself.
pub(super) fn clear(folder: &Folder) -> Result<(), EmbeddedPostgresError> {
    if !Path::new("/proc/self/cwd").exists() {
        return Ok(());
    }
    let data = folder.data();
    let processes = servers_in(&data);
    if !processes.is_empty() {
        tracing::warn!(
            processes = processes.len(),
            "stopping the PostgreSQL processes an earlier run left in {}",
            data.display()
        );
        stop(&data, postmaster_among(&data, &processes))?;
    }
    for path in folder.socket_files().into_iter().chain([data.join("postmaster.pid")]) {
        remove_if_there(&path)?;
    }
    Ok(())
}

fn stop(data: &Path, postmaster: Option<Pid>) -> Result<(), EmbeddedPostgresError> {
    if let Some(postmaster) = postmaster {
        signal([postmaster], Signal::SIGINT);
        if gone_within(data, FAST_STOP) {
            return Ok(());
        }
    }
    for harder in [Signal::SIGQUIT, Signal::SIGKILL] {
        signal(servers_in(data), harder);
        if gone_within(data, IMMEDIATE_STOP) {
            return Ok(());
        }
    }
    match servers_in(data).first() {
        None => Ok(()),
        Some(pid) => Err(EmbeddedPostgresError::Unstoppable { pid: pid.as_raw() }),
    }
}

fn gone_within(data: &Path, limit: Duration) -> bool {
    let deadline = Instant::now() + limit;
    while Instant::now() < deadline {
        if servers_in(data).is_empty() {
            return true;
        }
        thread::sleep(POLL);
    }
    false
}

fn signal(processes: impl IntoIterator<Item = Pid>, signal: Signal) {
    for pid in processes {
        // A process that ended meanwhile is what we want; any other failure shows as a process that stays.
        let _ = kill(pid, signal);
    }
}

/// The `postgres` processes whose working folder is `data`. A zombie has none and is rightly left out.
fn servers_in(data: &Path) -> Vec<Pid> {
    fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
            let works_here = fs::read_link(entry.path().join("cwd")).ok()? == data;
            (works_here && is_server(&entry.path())).then(|| Pid::from_raw(pid))
        })
        .collect()
}

fn is_server(process: &Path) -> bool {
    let name: Option<PathBuf> =
        fs::read_link(process.join("exe")).ok().and_then(|exe| exe.file_name().map(PathBuf::from));
    // A package upgrade while the server runs makes the link end in " (deleted)".
    name.is_some_and(|name| name.to_string_lossy().starts_with("postgres"))
}

fn postmaster_among(data: &Path, processes: &[Pid]) -> Option<Pid> {
    let text = fs::read_to_string(data.join("postmaster.pid")).ok()?;
    let pid = Pid::from_raw(text.lines().next()?.trim().parse().ok()?);
    processes.contains(&pid).then_some(pid)
}

fn remove_if_there(path: &Path) -> Result<(), EmbeddedPostgresError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).doing(|| format!("removing {}", path.display()))
        }
        _ => Ok(()),
    }
}
