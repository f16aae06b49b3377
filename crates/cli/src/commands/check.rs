use std::io::{self, Write};

use crate::{
    process::{database::Database, telemetry},
    settings::{Settings, Sources, masked_url},
};

/// Prints what is in force and tries the database, changing nothing in it. Ends with an error when it cannot be used.
pub(super) async fn run(sources: &Sources) -> anyhow::Result<()> {
    let settings = Settings::load(sources)?;
    telemetry::start_logging(&settings.log)?;
    let mut out = io::stdout();
    for line in settings.report() {
        writeln!(out, "{line}")?;
    }
    for notice in &settings.notices {
        writeln!(out, "note: {notice}")?;
    }
    let place = settings
        .database
        .url
        .as_deref()
        .map_or_else(|| format!("a private PostgreSQL in {}", settings.state_folder().display()), masked_url);
    let database = Database::open(&settings).await?;
    let answer = database.store().ping().await;
    database.close().await;
    answer?;
    writeln!(out, "database: {place} answers")?;
    Ok(())
}
