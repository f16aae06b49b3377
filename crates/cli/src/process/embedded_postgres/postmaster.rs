use std::{
    ffi::OsString,
    fs,
    io::{Read, Seek, SeekFrom},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::{
    account::Account,
    binaries::Binaries,
    cluster,
    error::{Doing, EmbeddedPostgresError},
    folder::Folder,
};

/// Replaying the log after a crash may take a while; a start longer than this is given up.
const START_LIMIT: Duration = Duration::from_secs(600);
const POLL: Duration = Duration::from_millis(10);
/// How long each kind of stop may take: fast (SIGINT: clients are cut off, a checkpoint is written), immediate
/// (SIGQUIT: the log is replayed at the next start), SIGKILL.
const STOPS: [(Signal, Duration); 3] = [
    (Signal::SIGINT, Duration::from_secs(30)),
    (Signal::SIGQUIT, Duration::from_secs(5)),
    (Signal::SIGKILL, Duration::from_secs(5)),
];
/// Given on the command line, so a new release's values reach an old folder. Durability is PostgreSQL's default (fsync,
/// full_page_writes, synchronous_commit on) and written out where it could be doubted. Sized for a developer's machine
/// that runs everything.
const PARAMETERS: [&str; 16] = [
    "listen_addresses=",
    "port=5432",
    "unix_socket_permissions=0700",
    "max_connections=100",
    "fsync=on",
    "synchronous_commit=on",
    "shared_buffers=256MB",
    "wal_compression=on",
    "wal_buffers=16MB",
    "max_wal_size=2GB",
    "checkpoint_timeout=15min",
    "random_page_cost=1.1",
    "autovacuum_naptime=15s",
    "jit=off",
    "update_process_title=off",
    "logging_collector=off",
];

/// The running server process. Dropping it does not stop it: `stop` does.
#[derive(Debug)]
pub(super) struct Postmaster {
    child: Child,
}

impl Postmaster {
    /// Starts the server and waits until it takes connections. Must run on the thread that outlives it: the
    /// death signal is bound to the thread that forked, not to the process.
    pub(super) fn start(
        folder: &Folder,
        binaries: &Binaries,
        account: &Account,
    ) -> Result<Self, EmbeddedPostgresError> {
        let log = folder.open_log()?;
        let mut command = command_that_dies_with_us(&binaries.program("postgres"));
        cluster::prepare(&mut command, account, &folder.data());
        command.arg("-D").arg(folder.data());
        for parameter in PARAMETERS {
            command.arg("-c").arg(parameter);
        }
        let mut socket = OsString::from("unix_socket_directories=");
        socket.push(quoted(folder.socket()));
        command
            .arg("-c")
            .arg(socket)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            // ^C in a terminal reaches the whole foreground group; PostgreSQL must outlive our drain.
            .process_group(0);
        let child = command.spawn().doing(|| "starting PostgreSQL".to_owned())?;
        let mut postmaster = Self { child };
        match postmaster.wait_until_ready(folder) {
            Ok(()) => Ok(postmaster),
            Err(error) => {
                postmaster.stop();
                Err(error)
            }
        }
    }

    pub(super) fn exited(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Stops the server, gently first, and waits for it.
    pub(super) fn stop(&mut self) {
        for (signal, limit) in STOPS {
            if self.exited().is_some() {
                return;
            }
            // It may end between the look and the signal, which is as good.
            let _ = kill(self.pid(), signal);
            if self.ends_within(limit) {
                return;
            }
            tracing::warn!("the private PostgreSQL did not stop within {} s of {signal}", limit.as_secs());
        }
    }

    pub(super) fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().cast_signed())
    }

    fn ends_within(&mut self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        while Instant::now() < deadline {
            if self.exited().is_some() {
                return true;
            }
            thread::sleep(POLL);
        }
        false
    }

    fn wait_until_ready(&mut self, folder: &Folder) -> Result<(), EmbeddedPostgresError> {
        let started = Instant::now();
        let mut next_word = Duration::from_secs(5);
        while started.elapsed() < START_LIMIT {
            if let Some(status) = self.exited() {
                return Err(EmbeddedPostgresError::StartFailed {
                    detail: format!("{status}; {}", log_tail(&folder.log_path())),
                });
            }
            if self.is_ready(&folder.data()) {
                return Ok(());
            }
            if started.elapsed() > next_word {
                tracing::info!(
                    "the private PostgreSQL is recovering, {} s so far",
                    started.elapsed().as_secs()
                );
                next_word += Duration::from_secs(5);
            }
            thread::sleep(POLL);
        }
        Err(EmbeddedPostgresError::StartFailed {
            detail: format!("not ready after {} s; {}", START_LIMIT.as_secs(), log_tail(&folder.log_path())),
        })
    }

    /// Line 1 of postmaster.pid is the server's process id, line 8 its state (PostgreSQL's `pidfile.h`).
    fn is_ready(&self, data: &Path) -> bool {
        let Ok(text) = fs::read_to_string(data.join("postmaster.pid")) else {
            return false;
        };
        let mut lines = text.lines().map(str::trim);
        let is_ours = lines.next() == Some(&self.child.id().to_string());
        is_ours && lines.nth(6) == Some("ready")
    }
}

/// `setpriv` asks the kernel to send SIGINT, PostgreSQL's fast shutdown, when we die of SIGKILL, and then becomes
/// the server, keeping the process id. (The same call from here would need `unsafe`.) Where it is missing or too old,
/// the next start stops the orphan instead.
fn command_that_dies_with_us(program: &Path) -> Command {
    let works = Command::new("setpriv")
        .args(["--pdeathsig", "INT", "true"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !works {
        tracing::debug!(
            "no usable `setpriv` (util-linux): a killed service will leave its PostgreSQL to the next start"
        );
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "INT"]).arg(program);
    command
}

/// A list value in PostgreSQL's configuration language: quoted, or a comma in the path would end it.
fn quoted(path: &Path) -> PathBuf {
    PathBuf::from(format!("\"{}\"", path.to_string_lossy().replace('"', "\"\"")))
}

fn log_tail(path: &Path) -> String {
    const TAIL_BYTES: u64 = 2048;
    let read = || -> std::io::Result<String> {
        let mut file = fs::File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    let text = read().unwrap_or_default();
    let lines: Vec<&str> = text.lines().rev().take(6).collect();
    let last: Vec<&str> = lines.into_iter().rev().collect();
    format!("the end of {}:\n{}", path.display(), last.join("\n"))
}
