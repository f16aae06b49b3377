//! A replica in a process of its own that stops between the commit of a batch and its acknowledgement, to be killed there.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use callbacks_core::sources::event_source::{Appetite, EventSource, OpenSource, SourceBatch, SourceError, Standing};
use callbacks_ingress::settings::SourcesSettings;
use futures::future::BoxFuture;

use crate::ledger::Ledger;
use crate::replica::{Replica, real, service_wide};

const DATABASE: &str = "CALLBACKS_TEST_CHILD_DATABASE";
const KAFKA: &str = "CALLBACKS_TEST_CHILD_KAFKA";
const COMMITTED: &str = "committed and not acknowledged";

/// Starts the child, waits until it has committed a batch that it has not acknowledged, and kills it there (SIGKILL). It
/// delivers nothing: what it accepted is taken over by whoever lives.
pub(crate) async fn kill_between_commit_and_acknowledgement(database: &str, kafka: Option<&str>) {
    let mut command = Command::new(std::env::current_exe().expect("this test's own file"));
    command.args(["--exact", "crash::child", "--nocapture", "--ignored"]).env(DATABASE, database).stdout(Stdio::piped());
    if let Some(kafka) = kafka {
        command.env(KAFKA, kafka);
    }
    let mut child = command.spawn().expect("this test's own file can be run");
    let died_there = tokio::task::spawn_blocking(move || {
        let reached = reached(&mut child);
        child.kill().expect("a running process can be killed");
        child.wait().expect("a killed process ends");
        reached
    });
    assert!(died_there.await.expect("the child is watched"), "the child never committed anything");
}

fn reached(child: &mut Child) -> bool {
    let output = child.stdout.take().expect("piped");
    BufReader::new(output).lines().map_while(Result::ok).any(|line| line.contains(COMMITTED))
}

/// Not a test: what the child process runs.
#[test]
#[ignore = "the child process of other tests"]
fn child() {
    let Ok(database) = std::env::var(DATABASE) else { return };
    let settings = SourcesSettings { kafka_bootstrap_servers: std::env::var(KAFKA).ok(), ..service_wide() };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let _replica = Replica::start(&database, &Ledger::mute(), stopping_before_acknowledgement(real(settings))).await;
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
