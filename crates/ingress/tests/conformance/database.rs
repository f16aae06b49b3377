//! A database of its own for each test, dropped at the end.

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
        let server =
            std::env::var("DATABASE_URL").expect("DATABASE_URL names a PostgreSQL server; run `make test`");
        let server = Url::parse(&server).expect("DATABASE_URL is a URL");
        let name = format!("callbacks_sources_{}", uuid::Uuid::new_v4().simple());
        execute(&server, format!(r#"CREATE DATABASE "{name}""#)).await.expect("a database can be created");
        Self { server, name }
    }

    /// Its URL.
    pub(crate) fn url(&self) -> String {
        let mut url = self.server.clone();
        url.set_path(&self.name);
        url.into()
    }

    /// A connection to it.
    pub(crate) async fn connect(&self) -> PgConnection {
        PgConnection::connect(&self.url()).await.expect("the database answers")
    }

    /// A number it answers with.
    pub(crate) async fn number(&self, sql: &'static str) -> i64 {
        let mut connection = self.connect().await;
        sqlx::query_scalar(sql).fetch_one(&mut connection).await.expect("a number")
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
