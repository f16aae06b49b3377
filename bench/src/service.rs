//! The service under test: the real release binary with a fresh private PostgreSQL, stopped when dropped.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::api::Api;
use crate::private_postgres::PrivatePostgres;
use crate::report::progress;

const START_LIMIT: Duration = Duration::from_secs(120);
const STOP_LIMIT: Duration = Duration::from_secs(40);

/// A running `callbacks serve` and the folder of its database.
pub(crate) struct Service {
    child: Child,
    address: SocketAddr,
    folder: PathBuf,
    keys: Option<Keys>,
}

/// What a guarded service asks for.
struct Keys {
    operator: String,
    producer: String,
}

impl Service {
    /// Starts `binary` on a free port, has it ask for API keys if it is to be `guarded`, and waits until it is ready.
    pub(crate) async fn start(binary: &Path, kafka: Option<&str>, guarded: bool) -> Result<Self> {
        progress("starting the service with a fresh PostgreSQL");
        let folder = std::env::temp_dir().join(format!("callbacks-bench-{}", uuid::Uuid::now_v7().simple()));
        std::fs::create_dir_all(&folder)?;
        let address = free_port()?;
        let log = File::create(folder.join("service.log"))?;
        let child = command(binary, &folder)
            .arg("serve")
            .env("CALLBACKS_SERVER__PORT", address.port().to_string())
            .env("CALLBACKS_SOURCES__KAFKA_BOOTSTRAP_SERVERS", kafka.unwrap_or_default())
            .env("CALLBACKS_EGRESS__ALLOWED_NETWORKS", "127.0.0.0/8")
            .env("CALLBACKS_SECURITY__AUTHENTICATION", if guarded { "api-keys" } else { "off" })
            .env("CALLBACKS_SECURITY__REQUESTS_PER_SECOND_PER_KEY", "0")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("starting {}", binary.display()))?;
        let mut service = Self { child, address, folder, keys: None };
        service.wait_until_ready().await?;
        if guarded {
            let operator = service.make_key(binary, &["--role", "operator"])?;
            let producer = service.make_key(binary, &["--role", "tenant-producer", "--tenant", "default"])?;
            service.keys = Some(Keys { operator, producer });
        }
        Ok(service)
    }

    /// A client of its API.
    pub(crate) fn api(&self) -> Api {
        Api::new(self.address, self.keys.as_ref().map(|keys| keys.operator.clone()))
    }

    /// Whether it asks for keys.
    pub(crate) fn is_guarded(&self) -> bool {
        self.keys.is_some()
    }

    /// What its producer shows.
    pub(crate) fn producer_key(&self) -> Option<&str> {
        self.keys.as_ref().map(|keys| keys.producer.as_str())
    }

    fn make_key(&self, binary: &Path, whose: &[&str]) -> Result<String> {
        let made = command(binary, &self.folder).args(["keys", "create", "--json"]).args(whose).output()?;
        let answer: serde_json::Value = serde_json::from_slice(&made.stdout)
            .with_context(|| format!("making a key: {}", String::from_utf8_lossy(&made.stderr)))?;
        answer["key"].as_str().map(str::to_owned).context("`keys create` printed no key")
    }

    /// Where its API listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its private PostgreSQL.
    pub(crate) fn postgres(&self) -> Result<PrivatePostgres> {
        PrivatePostgres::find(&self.folder)
    }

    async fn wait_until_ready(&mut self) -> Result<()> {
        let (api, start) = (self.api(), Instant::now());
        while start.elapsed() < START_LIMIT {
            if let Some(status) = self.child.try_wait()? {
                bail!("the service ended with {status}:\n{}", self.log_tail());
            }
            if matches!(api.get("/actuator/health/readiness").await, Ok(answer) if answer.status == 200) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        bail!("the service was not ready within {START_LIMIT:?}:\n{}", self.log_tail())
    }

    /// The last lines it logged.
    pub(crate) fn log_tail(&self) -> String {
        let log = std::fs::read_to_string(self.folder.join("service.log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }

    fn stop(&mut self) -> Result<()> {
        let postgres = self.postgres();
        kill(pid_of(self.child.id())?, Signal::SIGTERM)?;
        let start = Instant::now();
        while self.child.try_wait()?.is_none() {
            if start.elapsed() > STOP_LIMIT {
                self.child.kill()?;
                // Without its parent the private PostgreSQL would stay behind.
                kill(pid_of(postgres?.pid())?, Signal::SIGINT)?;
                bail!("the service did not stop within {STOP_LIMIT:?} and was killed");
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let stopped = match self.child.try_wait() {
            Ok(Some(_ended)) => Ok(()),
            _ => self.stop(),
        };
        match stopped {
            Ok(()) => drop(std::fs::remove_dir_all(&self.folder)),
            Err(error) => {
                progress(&format!("{error:#}; its files are in {}", self.folder.display()));
            }
        }
    }
}

/// The program, working on the database in `folder` whatever the environment says.
fn command(binary: &Path, folder: &Path) -> Command {
    let mut command = Command::new(binary);
    command
        .env("CALLBACKS_DATABASE__EMBEDDED_DIR", folder.join("postgres"))
        .env_remove("CALLBACKS_DATABASE__URL")
        .env_remove("DB_HOST");
    command
}

fn pid_of(id: u32) -> Result<Pid> {
    Ok(Pid::from_raw(i32::try_from(id)?))
}

fn free_port() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}
