use callbacks_models::migrate::migrate;

use crate::{
    process::{database::Database, telemetry},
    settings::{Settings, Sources},
};

/// Brings the schema up to date.
pub(super) async fn run(sources: &Sources) -> anyhow::Result<()> {
    let settings = Settings::load(sources)?;
    telemetry::start_logging(&settings.log)?;
    let database = Database::open(&settings).await?;
    let outcome = migrate(database.store()).await;
    database.close().await;
    outcome?;
    tracing::info!("the schema is up to date");
    Ok(())
}
