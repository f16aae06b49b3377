use crate::{
    process::{telemetry, wiring},
    settings::{Settings, Sources},
};

/// Runs the service until it is told to stop.
pub(super) async fn run(sources: &Sources) -> anyhow::Result<()> {
    let settings = Settings::load(sources)?;
    telemetry::start_logging(&settings.log)?;
    for notice in &settings.notices {
        tracing::warn!("{notice}");
    }
    wiring::serve(settings).await
}
