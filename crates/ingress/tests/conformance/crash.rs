//! A replica in a process of its own that stops between the commit of a batch and its acknowledgement, to be killed there.

use std::io::Write as _;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use callbacks_core::sources::event_source::{
    Appetite, EventSource, OpenSource, SourceBatch, SourceError, Standing,
};
use callbacks_ingress::settings::SourcesSettings;
use futures::future::BoxFuture;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

use crate::ledger::Ledger;
use crate::replica::{Replica, real, service_wide};

const DATABASE: &str = "CALLBACKS_TEST_CHILD_DATABASE";
/// Kafka, AMQP, NATS, Redis, separated by blanks; `-` where there is none.
const BROKERS: &str = "CALLBACKS_TEST_CHILD_BROKERS";
const LIMIT: Duration = Duration::from_secs(60);
const COMMITTED: &str = "committed and not acknowledged";

/// Starts the child, waits until it has committed a batch that it has not acknowledged, and kills it there (SIGKILL). It
/// delivers nothing: what it accepted is taken over by whoever lives.
pub(crate) async fn kill_between_commit_and_acknowledgement(database: &str, settings: &SourcesSettings) {
    let mut command = Command::new(std::env::current_exe().expect("this test's own file"));
    command.args(["--exact", "crash::child", "--nocapture", "--ignored"]);
    command.env(DATABASE, database).env(BROKERS, brokers(settings)).stdout(Stdio::piped());
    let mut child = command.kill_on_drop(true).spawn().expect("this test's own file can be run");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let reached = async {
        while let Ok(Some(line)) = lines.next_line().await {
            if line.contains(COMMITTED) {
                return true;
            }
        }
        false
    };
    let reached = tokio::time::timeout(LIMIT, reached).await;
    child.kill().await.expect("a running process can be killed");
    assert_eq!(reached, Ok(true), "the child never committed anything");
}

fn brokers(settings: &SourcesSettings) -> String {
    let all =
        [&settings.kafka_bootstrap_servers, &settings.amqp_url, &settings.nats_url, &settings.redis_url];
    all.map(|one| one.as_deref().unwrap_or("-")).join(" ")
}

/// Not a test: what the child process runs.
#[test]
#[ignore = "the child process of other tests"]
fn child() {
    let Ok(database) = std::env::var(DATABASE) else { return };
    let brokers = std::env::var(BROKERS).expect("set together with the database");
    let mut brokers = brokers.split(' ').map(|one| Some(one.to_owned()).filter(|one| one != "-"));
    let mut next = || brokers.next().flatten();
    let settings = SourcesSettings {
        kafka_bootstrap_servers: next(),
        amqp_url: next(),
        nats_url: next(),
        redis_url: next(),
        ..service_wide()
    };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let _replica =
            Replica::start(&database, &Ledger::mute(), stopping_before_acknowledgement(real(settings))).await;
        std::future::pending::<()>().await;
    });
}

fn stopping_before_acknowledgement(open: OpenSource) -> OpenSource {
    Arc::new(move |plan| {
        let opening = open(plan);
        Box::pin(async move { Ok(Box::new(Stopping(opening.await?)) as Box<dyn EventSource>) })
    })
}

struct Stopping(Box<dyn EventSource>);

impl EventSource for Stopping {
    fn pull(&mut self, appetite: Appetite) -> BoxFuture<'_, Result<SourceBatch, SourceError>> {
        self.0.pull(appetite)
    }

    fn settle(&mut self, _number: u64) -> BoxFuture<'_, Result<(), SourceError>> {
        // Straight to the pipe: the test runner may keep what is printed.
        let mut output = std::io::stdout().lock();
        writeln!(output, "\n{COMMITTED}").and_then(|()| output.flush()).expect("the parent listens");
        drop(output);
        Box::pin(std::future::pending())
    }

    fn standing(&mut self) -> BoxFuture<'_, Standing> {
        self.0.standing()
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        self.0.close()
    }
}
