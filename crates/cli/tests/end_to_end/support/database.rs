//! A database of its own for each test, dropped at the end.

use std::net::SocketAddr;

use sqlx::{Connection as _, PgConnection};
use url::Url;

/// A fresh, empty database.
pub(crate) struct TestDatabase {
    server: Url,
    name: String,
}

impl TestDatabase {
    /// Creates it on the server that `DATABASE_URL` names.
    pub(crate) async fn create() -> Self {
        let server = std::env::var("DATABASE_URL")
            .expect("DATABASE_URL names a PostgreSQL server on which tests may create databases");
        let server = Url::parse(&server).expect("DATABASE_URL is a URL");
        let database = Self { server, name: format!("callbacks_e2e_{}", uuid::Uuid::new_v4().simple()) };
        execute(&database.server, format!(r#"CREATE DATABASE "{}""#, database.name))
            .await
            .expect("is created");
        database
    }

    /// Its URL.
    pub(crate) fn url(&self) -> Url {
        let mut url = self.server.clone();
        url.set_path(&self.name);
        url
    }

    /// Its URL with another TCP port of this machine in place of the server's.
    pub(crate) fn url_through(&self, port: u16) -> Url {
        let mut url = self.url();
        url.set_host(Some("127.0.0.1")).expect("a PostgreSQL URL has a host");
        url.set_port(Some(port)).expect("a PostgreSQL URL has a port");
        url
    }

    /// The server's address.
    pub(crate) async fn server_address(&self) -> SocketAddr {
        let host = self.server.host_str().expect("DATABASE_URL names a host");
        let found = tokio::net::lookup_host((host, self.server.port().unwrap_or(5432))).await;
        found
            .expect("the host of DATABASE_URL is known")
            .next()
            .expect("the host of DATABASE_URL has an address")
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let (server, statement) =
            (self.server.clone(), format!(r#"DROP DATABASE "{}" WITH (FORCE)"#, self.name));
        // Dropping cannot wait, so a thread of its own does.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(execute(&server, statement)).map_err(std::io::Error::other)
        });
        // A database left behind is litter, not a failure.
        let _left_behind = dropping.join();
    }
}

async fn execute(server: &Url, statement: String) -> Result<(), sqlx::Error> {
    let mut connection = PgConnection::connect(server.as_str()).await?;
    sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&mut connection).await?;
    connection.close().await
}
