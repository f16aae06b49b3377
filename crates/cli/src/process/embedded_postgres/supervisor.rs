use std::{
    path::{Path, PathBuf},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use super::{
    account::Account,
    binaries::Binaries,
    cluster,
    error::{Doing, EmbeddedPostgresError},
    folder::Folder,
    postmaster::Postmaster,
    previous_run,
};

/// How often the thread looks whether the server still lives.
const WATCH_INTERVAL: Duration = Duration::from_millis(200);
const FIRST_BACKOFF: Duration = Duration::from_millis(200);
const LONGEST_BACKOFF: Duration = Duration::from_secs(10);
/// A server that lived this long has earned a quick restart again.
const STABLE_AFTER: Duration = Duration::from_secs(30);

/// Where the private PostgreSQL lives and which programs it uses.
#[derive(Debug, Clone)]
pub(crate) struct EmbeddedSettings {
    pub(crate) dir: PathBuf,
    /// The folder with `initdb` and `postgres`; `None` looks on the PATH and in the distributions' places.
    pub(crate) bin_dir: Option<PathBuf>,
}

/// The handle of a running private PostgreSQL. `stop` ends it in order; when the handle is dropped the thread stops the
/// server by itself, as far as the process lives long enough.
#[derive(Debug)]
pub(crate) struct EmbeddedPostgres {
    url: String,
    _stop: mpsc::Sender<()>,
    stopped: oneshot::Receiver<()>,
}

impl EmbeddedPostgres {
    /// Makes the cluster if there is none, starts it, and returns when it takes connections: about 1.3 s the first
    /// time, 0.1–0.3 s later, longer after a crash.
    pub(crate) async fn start(settings: EmbeddedSettings) -> Result<Self, EmbeddedPostgresError> {
        let (report, ready) = oneshot::channel();
        let (stop, commands) = mpsc::channel();
        let (ended, stopped) = oneshot::channel();
        thread::Builder::new()
            .name("postgres".to_owned())
            .spawn(move || {
                supervise(&settings, report, &commands);
                // Nobody listens any more when the handle was dropped.
                let _ = ended.send(());
            })
            .doing(|| "starting the PostgreSQL supervisor".to_owned())?;
        let url = ready.await.map_err(|_| EmbeddedPostgresError::SupervisorGone)??;
        Ok(Self { url, _stop: stop, stopped })
    }

    /// The URL of the server that another process runs in this folder; `None` when none does, as far as its own notes
    /// (`postmaster.pid`: the fifth line is the socket folder, the eighth its state) tell.
    pub(crate) fn running_url(settings: &EmbeddedSettings) -> Option<String> {
        let notes = std::fs::read_to_string(settings.dir.join("data").join("postmaster.pid")).ok()?;
        let mut lines = notes.lines().map(str::trim);
        let socket = lines.nth(4)?;
        let is_ready = lines.nth(2) == Some("ready");
        is_ready.then(|| Folder::url_through(Path::new(socket)))
    }

    /// The URL to connect with; the same for the whole life of the folder.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Stops the server (clients are cut off, a checkpoint is written) and waits for its end, at most about 40 s.
    pub(crate) async fn stop(self) {
        let Self { _stop: stop, stopped, .. } = self;
        drop(stop);
        // An error means that the thread is already gone, and the server with it.
        let _ = stopped.await;
    }
}

type Ready = oneshot::Sender<Result<String, EmbeddedPostgresError>>;

/// The thread's life. Everything it calls blocks, and the server is its child.
fn supervise(settings: &EmbeddedSettings, ready: Ready, commands: &mpsc::Receiver<()>) {
    let begun = Instant::now();
    let started = Server::prepare(settings).and_then(|server| {
        let postmaster = server.start()?;
        Ok((server, postmaster))
    });
    match started {
        Err(error) => drop(ready.send(Err(error))),
        Ok((server, postmaster)) => {
            tracing::info!(
                elapsed_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
                "private PostgreSQL is ready in {}",
                server.folder.root().display()
            );
            if ready.send(Ok(server.folder.url())).is_ok() {
                server.watch(postmaster, commands);
            } else {
                stop(postmaster);
            }
        }
    }
}

/// All that a start needs; holding it holds the folder's lock.
pub(super) struct Server {
    folder: Folder,
    binaries: Binaries,
    account: Account,
}

impl Server {
    pub(super) fn prepare(settings: &EmbeddedSettings) -> Result<Self, EmbeddedPostgresError> {
        let account = Account::choose()?;
        let folder = Folder::open(&settings.dir, &account)?;
        let version = cluster::data_version(&folder.data())?;
        let binaries = Binaries::locate(settings.bin_dir.as_deref(), folder.root(), version)?;
        if version.is_none() {
            tracing::info!("making a private PostgreSQL in {}", folder.root().display());
            cluster::create(&folder, &binaries, &account)?;
        }
        Ok(Self { folder, binaries, account })
    }

    pub(super) fn start(&self) -> Result<Postmaster, EmbeddedPostgresError> {
        previous_run::clear(&self.folder)?;
        Postmaster::start(&self.folder, &self.binaries, &self.account)
    }

    /// Restarts the server whenever it dies, until told to stop. The handle's sender never sends: its end is the word.
    fn watch(&self, first: Postmaster, commands: &mpsc::Receiver<()>) {
        let mut backoff = FIRST_BACKOFF;
        let mut running = Some((first, Instant::now()));
        loop {
            let pause = if running.is_some() { WATCH_INTERVAL } else { backoff };
            if commands.recv_timeout(pause) != Err(RecvTimeoutError::Timeout) {
                if let Some((postmaster, _)) = running {
                    stop(postmaster);
                }
                return;
            }
            running = match running {
                Some((mut postmaster, since)) => match postmaster.exited() {
                    None => Some((postmaster, since)),
                    Some(status) => {
                        tracing::error!("the private PostgreSQL died ({status}); starting it again");
                        if since.elapsed() >= STABLE_AFTER {
                            backoff = FIRST_BACKOFF;
                        }
                        None
                    }
                },
                None => self.try_again(&mut backoff),
            };
        }
    }

    fn try_again(&self, backoff: &mut Duration) -> Option<(Postmaster, Instant)> {
        *backoff = (*backoff * 2).min(LONGEST_BACKOFF);
        match self.start() {
            Ok(postmaster) => {
                tracing::info!("the private PostgreSQL runs again");
                Some((postmaster, Instant::now()))
            }
            Err(error) => {
                tracing::error!("{error}; next attempt in {} ms", backoff.as_millis());
                None
            }
        }
    }
}

fn stop(mut postmaster: Postmaster) {
    let begun = Instant::now();
    tracing::debug!("stopping the private PostgreSQL (process {})", postmaster.pid());
    postmaster.stop();
    tracing::info!(
        elapsed_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
        "private PostgreSQL has stopped"
    );
}
