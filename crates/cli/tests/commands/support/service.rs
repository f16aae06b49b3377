use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::program::Program;

#[expect(dead_code, reason = "shared with the end-to-end tests, which use all of it")]
#[path = "../../end_to_end/support/database.rs"]
mod database;

const START_LIMIT: Duration = Duration::from_secs(60);
/// 32 bytes in base64.
const ENCRYPTION_KEY: &str = "Y2FsbGJhY2tzLWVuZC10by1lbmQtdGVzdHMta2V5LTE=";

/// A running service with a database of its own; both are gone when it is dropped.
pub(crate) struct Service {
    child: Child,
    url: String,
    _database: database::TestDatabase,
}

impl Service {
    /// Starts one on a free port and waits until it is ready.
    pub(crate) async fn start() -> Self {
        let database = database::TestDatabase::create().await;
        let free = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
        let port = free.expect("a port is free").port();
        let mut command = Command::new(env!("CARGO_BIN_EXE_callbacks"));
        command
            .arg("serve")
            .env("CALLBACKS_DATABASE__URL", database.url().as_str())
            .env("CALLBACKS_SERVER__PORT", port.to_string())
            .env("CALLBACKS_EGRESS__ALLOWED_NETWORKS", "127.0.0.0/8")
            .env("CALLBACKS_SECURITY__ENCRYPTION_KEY", ENCRYPTION_KEY)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let child = command.spawn().expect("the binary starts");
        let mut service = Self { child, url: format!("http://127.0.0.1:{port}"), _database: database };
        service.await_ready().await;
        service
    }

    /// A command that talks to it.
    pub(crate) fn run(&self, arguments: &[&str]) -> Program {
        Program::run(arguments).with("CALLBACKS_URL", &self.url)
    }

    async fn await_ready(&mut self) {
        let client = callbacks_sdk::client::Client::new(&self.url).expect("a URL");
        let start = Instant::now();
        while !matches!(client.is_ready().await, Ok(true)) {
            assert!(matches!(self.child.try_wait(), Ok(None)), "the service ended while starting");
            assert!(start.elapsed() < START_LIMIT, "the service is not ready");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _reaped = self.child.wait();
    }
}
