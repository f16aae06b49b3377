use std::{
    io::{self, IsTerminal},
    panic::{self, PanicHookInfo},
    time::Duration,
};

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

use crate::settings::{LogFormat, LogSection};

/// Histograms in seconds: from a local answer to the longest timeout.
const SECONDS_BUCKETS: [f64; 15] =
    [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0, 300.0];
/// Histograms of batch sizes.
const SIZE_BUCKETS: [f64; 11] = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 5000.0];
/// Observations gather until somebody scrapes; without scrapes they must not gather for ever.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

/// Sends logs to standard error (standard output belongs to what a command answers), and panics to the log.
///
/// # Errors
/// When the level cannot be read, or a logger is already installed.
pub(crate) fn start_logging(settings: &LogSection) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&settings.level)?;
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal());
    match settings.format {
        LogFormat::Text => subscriber.try_init(),
        LogFormat::Json => subscriber.json().flatten_event(true).try_init(),
    }
    .map_err(|error| anyhow::anyhow!("the log cannot be started: {error}"))?;
    panic::set_hook(Box::new(log_panic));
    Ok(())
}

/// Installs the process's one metrics recorder. The handle renders the Prometheus text for web.
///
/// # Errors
/// When a recorder is already installed.
pub(crate) fn start_metrics() -> anyhow::Result<PrometheusHandle> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS_BUCKETS)?
        .set_buckets_for_metric(Matcher::Suffix("_size".to_owned()), &SIZE_BUCKETS)?
        .install_recorder()?;
    Ok(handle)
}

/// Keeps the recorder small until cancelled.
pub(crate) async fn keep_metrics(handle: PrometheusHandle, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(UPKEEP_INTERVAL);
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        handle.run_upkeep();
    }
}

fn log_panic(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
    let message = panic.payload_as_str().unwrap_or("no message");
    tracing::error!(place, "panic at {place}: {message}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_sizes_get_their_own_buckets() {
        let handle = start_metrics().expect("the first recorder of this process");
        metrics::histogram!("callbacks_attempt_seconds").record(0.002);
        metrics::histogram!("callbacks_record_batch_size").record(7.0);
        let page = handle.render();
        assert!(page.contains("callbacks_attempt_seconds_bucket{le=\"0.0025\"} 1"), "{page}");
        assert!(page.contains("callbacks_record_batch_size_bucket{le=\"10\"} 1"), "{page}");
        assert!(start_metrics().is_err(), "one recorder a process");
    }
}
