//! One running `callbacks serve`; killed, and its log shown if the test failed, when dropped.

use std::fs::File;
use std::io::Write as _;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use url::Url;

use super::api::Api;
use super::patience::{eventually, eventually_true};

const START_LIMIT: Duration = Duration::from_secs(60);
/// 32 bytes in base64: every replica of a test reads the same secrets.
const ENCRYPTION_KEY: &str = "Y2FsbGJhY2tzLWVuZC10by1lbmQtdGVzdHMta2V5LTE=";

/// A replica of the service, with the database and settings it was started with.
pub(crate) struct Replica {
    child: Child,
    port: u16,
    database: Url,
    settings: Vec<(&'static str, String)>,
    log: PathBuf,
}

impl Replica {
    /// Starts one on a free port and waits until it is ready.
    pub(crate) async fn start(database: Url, settings: &[(&'static str, &str)]) -> Self {
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|socket| socket.local_addr())
            .expect("a port is free")
            .port();
        let settings = settings.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        let log = std::env::temp_dir().join(format!("callbacks-e2e-{}.log", uuid::Uuid::new_v4().simple()));
        let child = spawn(&database, port, &settings, &log);
        let mut replica = Self { child, port, database, settings, log };
        replica.await_ready().await;
        replica
    }

    /// A client of this replica.
    pub(crate) fn api(&self) -> Api {
        Api::new(self.port)
    }

    /// Starts it again on the same port and waits until it is ready; returns how long that took.
    pub(crate) async fn restart(&mut self) -> Duration {
        let start = Instant::now();
        self.child = spawn(&self.database, self.port, &self.settings, &self.log);
        self.await_ready().await;
        start.elapsed()
    }

    /// SIGKILL: it dies at once, in the middle of whatever it does.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("a running process can be killed");
        self.child.wait().expect("a killed process ends");
    }

    /// SIGTERM: asks it to finish what it began and stop.
    pub(crate) fn terminate(&self) {
        kill(Pid::from_raw(i32::try_from(self.child.id()).expect("a pid is an i32")), Signal::SIGTERM)
            .expect("runs");
    }

    /// Waits until it has ended by itself; returns how it ended and how long that took.
    pub(crate) async fn ended(&mut self, limit: Duration) -> (ExitStatus, Duration) {
        let child = &mut self.child;
        eventually(limit, "the service stops", async || child.try_wait().expect("can be asked")).await
    }

    /// Whether it is still the process that was started.
    pub(crate) fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    async fn await_ready(&mut self) {
        let api = self.api();
        eventually_true(START_LIMIT, "the service is ready", async || {
            assert!(self.is_running(), "the service ended while starting:\n{}", self.log_tail());
            api.readiness().await == Some(200)
        })
        .await;
    }

    /// Everything it logged.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).expect("there is a log")
    }

    fn log_tail(&self) -> String {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(60)..].join("\n")
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // Not worth a second panic.
            let _unseen =
                writeln!(std::io::stderr(), "--- log of port {} ---\n{}", self.port, self.log_tail());
        }
        let _ended_already = self.child.kill();
        let _reaped = self.child.wait();
        let _kept = std::fs::remove_file(&self.log);
    }
}

fn spawn(database: &Url, port: u16, settings: &Vec<(&'static str, String)>, log: &PathBuf) -> Child {
    let log = File::options().create(true).append(true).open(log).expect("the temporary folder is writable");
    let mut command = Command::new(env!("CARGO_BIN_EXE_callbacks"));
    command
        .arg("serve")
        .env("CALLBACKS_DATABASE__URL", database.as_str())
        .env("CALLBACKS_SERVER__PORT", port.to_string())
        .env("CALLBACKS_EGRESS__ALLOWED_NETWORKS", "127.0.0.0/8")
        .env("CALLBACKS_SECURITY__ENCRYPTION_KEY", ENCRYPTION_KEY)
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("a file can be shared"))
        .stderr(log);
    for (name, value) in settings {
        command.env(name, value);
    }
    command.spawn().expect("the binary starts")
}
