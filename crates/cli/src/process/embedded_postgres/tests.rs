//! Against the machine's own PostgreSQL: every way a run can begin and end.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use sqlx::{Connection, PgConnection};

use super::{EmbeddedPostgres, EmbeddedPostgresError, EmbeddedSettings, supervisor::Server};

/// A folder of its own for one test, gone afterwards.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self(env::temp_dir().join(format!("callbacks-pg-test-{}-{number}", process::id())))
    }

    fn settings(&self) -> EmbeddedSettings {
        EmbeddedSettings { dir: self.0.clone(), bin_dir: None }
    }

    async fn start(&self) -> EmbeddedPostgres {
        EmbeddedPostgres::start(self.settings()).await.expect("starts")
    }

    fn postmaster(&self) -> Pid {
        let text = fs::read_to_string(self.0.join("data/postmaster.pid")).expect("runs");
        Pid::from_raw(text.lines().next().expect("a first line").parse().expect("a process id"))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

async fn execute(url: &str, sql: &'static str) -> sqlx::Result<()> {
    let mut connection = PgConnection::connect(url).await?;
    sqlx::raw_sql(sql).execute(&mut connection).await?;
    connection.close().await
}

async fn setting(url: &str, name: &str) -> String {
    let mut connection = PgConnection::connect(url).await.expect("connects");
    sqlx::query_scalar("SELECT current_setting($1)")
        .bind(name)
        .fetch_one(&mut connection)
        .await
        .expect("a setting")
}

async fn rows(url: &str) -> sqlx::Result<i64> {
    let mut connection = PgConnection::connect(url).await?;
    sqlx::query_scalar("SELECT count(*) FROM kept").fetch_one(&mut connection).await
}

const KEEP: &str = "CREATE TABLE kept (id int); INSERT INTO kept VALUES (1), (2)";

#[tokio::test]
async fn the_first_start_makes_a_durable_private_cluster_and_a_restart_keeps_its_data() {
    let scratch = Scratch::new();
    let first = scratch.start().await;
    execute(first.url(), KEEP).await.expect("writes");
    for (name, value) in [("fsync", "on"), ("synchronous_commit", "on"), ("listen_addresses", "")] {
        assert_eq!(setting(first.url(), name).await, value, "{name}");
    }
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &fs::metadata(scratch.0.join("socket")).expect("the socket folder").permissions(),
    );
    assert_eq!(mode & 0o777, 0o700, "only its owner may connect");
    first.stop().await;
    assert!(!scratch.0.join("data/postmaster.pid").exists(), "a clean stop leaves no pid file");

    let second = scratch.start().await;
    assert_eq!(rows(second.url()).await.expect("reads"), 2);
    second.stop().await;
}

#[tokio::test]
async fn a_second_instance_in_the_same_folder_is_refused() {
    let scratch = Scratch::new();
    let first = scratch.start().await;
    let refusal = EmbeddedPostgres::start(scratch.settings()).await.expect_err("taken");
    assert!(matches!(refusal, EmbeddedPostgresError::AlreadyRunning { .. }), "{refusal}");
    first.stop().await;
}

#[tokio::test]
async fn a_killed_server_comes_back_with_its_data() {
    let scratch = Scratch::new();
    let postgres = scratch.start().await;
    execute(postgres.url(), KEEP).await.expect("writes");
    kill(scratch.postmaster(), Signal::SIGKILL).expect("kills");
    let mut answer = Err(sqlx::Error::PoolClosed);
    for _ in 0..200 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        answer = rows(postgres.url()).await;
        if answer.is_ok() {
            break;
        }
    }
    assert_eq!(answer.expect("is back within 20 s"), 2);
    postgres.stop().await;
}

#[tokio::test]
async fn lock_files_that_name_a_living_stranger_do_not_stop_a_start() {
    let scratch = Scratch::new();
    scratch.start().await.stop().await;
    let stranger = format!("{}\n{}\n", process::id(), scratch.0.join("data").display());
    for file in ["data/postmaster.pid", "socket/.s.PGSQL.5432.lock"] {
        fs::write(scratch.0.join(file), &stranger).expect("writes");
    }
    scratch.start().await.stop().await;
}

#[tokio::test]
async fn an_orphaned_server_is_stopped_and_replaced() {
    let scratch = Scratch::new();
    let server = Server::prepare(&scratch.settings()).expect("prepares");
    let _unwatched = server.start().expect("starts");
    let orphan = scratch.postmaster();
    // As after a SIGKILL of the service: the server lives on, and nobody holds the lock any more.
    drop(server);

    let heir = scratch.start().await;
    assert_ne!(scratch.postmaster(), orphan);
    execute(heir.url(), KEEP).await.expect("writes");
    heir.stop().await;
}

#[tokio::test]
async fn an_interrupted_init_is_done_again() {
    let scratch = Scratch::new();
    fs::create_dir_all(scratch.0.join("data.init/base")).expect("makes");
    fs::write(scratch.0.join("data.init/PG_VERSION"), "15").expect("writes");
    scratch.start().await.stop().await;
    assert!(!scratch.0.join("data.init").exists());
}

#[tokio::test]
async fn data_of_another_major_version_is_refused_with_both_versions() {
    let scratch = Scratch::new();
    scratch.start().await.stop().await;
    fs::write(scratch.0.join("data/PG_VERSION"), "99\n").expect("writes");
    let refusal = EmbeddedPostgres::start(scratch.settings()).await.expect_err("not ours to read");
    assert!(matches!(refusal, EmbeddedPostgresError::WrongVersion { data: 99, .. }), "{refusal}");
}

#[tokio::test]
async fn a_path_too_long_for_a_socket_gets_a_short_socket_folder() {
    let scratch = Scratch::new();
    let long = Scratch(scratch.0.join("d".repeat(120)));
    let postgres = long.start().await;
    let socket = socket_of(postgres.url());
    assert!(socket.starts_with("/tmp/"), "{}", socket.display());
    execute(postgres.url(), KEEP).await.expect("writes");
    postgres.stop().await;
    remove(&socket).expect("removes");
}

fn socket_of(url: &str) -> PathBuf {
    let url = url::Url::parse(url).expect("a URL");
    let (_, host) = url.query_pairs().next().expect("the host parameter");
    PathBuf::from(host.into_owned())
}

fn remove(folder: &Path) -> io::Result<()> {
    fs::remove_dir_all(folder)
}
