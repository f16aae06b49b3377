//! Joins the parts into a running service and takes them apart in order.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use callbacks_core::clock::SystemClock;
use callbacks_core::engine::{Engine, EngineSettings, Surroundings};
use callbacks_core::entropy::SystemEntropy;
use callbacks_core::gates::address_policy::AddressPolicy;
use callbacks_core::management::Management;
use callbacks_core::sources::supervisor::{Sources, SupervisorSurroundings};
use callbacks_egress::HttpTransport;
use callbacks_models::migrate::migrate;
use callbacks_models::resealing::check_keys_across_tenants;
use callbacks_models::store::Store;
use callbacks_web::serving::server;
use callbacks_web::state::{AppState, RequestLimits};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::database::Database;
use super::door::ApiDoor;
use super::open_files::server_settings;
use super::signals::StopSignals;
use super::telemetry;
use crate::settings::Settings;

/// Runs the service until SIGTERM or SIGINT, then drains it. A second signal ends it at once.
///
/// # Errors
/// When a part cannot be started.
pub(crate) async fn serve(settings: Settings) -> anyhow::Result<()> {
    let mut signals = StopSignals::listen()?;
    let metrics = telemetry::start_metrics()?;
    let database = tokio::select! {
        opened = Database::open(&settings) => opened?,
        () = signals.received() => return Ok(()),
    };
    migrate(database.store()).await.context("the database could not be migrated")?;
    check_keys_across_tenants(database.store()).await.context("stored secrets could not be read")?;
    let stop = CancellationToken::new();
    let upkeep = tokio::spawn(telemetry::keep_metrics(metrics.clone(), stop.clone()));
    let result = Box::pin(run(&settings, database.store(), metrics, &mut signals)).await;
    stop.cancel();
    let _ = upkeep.await;
    database.close().await;
    result
}

async fn run(
    settings: &Settings,
    store: &Store,
    metrics: metrics_exporter_prometheus::PrometheusHandle,
    signals: &mut StopSignals,
) -> anyhow::Result<()> {
    let address = SocketAddr::new(settings.server.host, settings.server.port);
    let listener = TcpListener::bind(address).await.with_context(|| {
        format!("{address} cannot be listened on; choose another with server.host and server.port")
    })?;
    let engine = start_engine(settings, store).await?;
    let sources = start_sources(settings, store, &engine);
    let management = Management::new(Arc::new(store.clone()), Arc::clone(&engine), addresses(settings));
    let limits = RequestLimits {
        body_bytes: settings.server.max_body_bytes,
        request_timeout: settings.server.request_timeout,
    };
    let door = ApiDoor::open(settings, store).await?;
    let state = AppState::guarded(management, Arc::new(move || metrics.render()), limits, door.guard.clone());
    let shutdown = CancellationToken::new();
    announce(listener.local_addr()?)?;
    let mut server = tokio::spawn(server::serve_with(listener, state, shutdown.clone(), server_settings()));
    tokio::select! {
        () = signals.received() => tracing::info!("stopping: requests and deliveries under way are finished first"),
        ended = &mut server => return ended?.context("the HTTP server ended by itself"),
    }
    shutdown.cancel();
    tokio::select! {
        () = finish(settings, sources, engine, server, door) => Ok(()),
        () = signals.received() => {
            tracing::warn!("stopped at once by a second signal; what was under way is sent again after the next start");
            Ok(())
        }
    }
}

/// How long producers may take to finish before the deliveries are drained without waiting for them.
const PRODUCERS_END: Duration = Duration::from_secs(5);

/// First the producers, then the deliveries.
async fn finish(
    settings: &Settings,
    sources: Sources,
    engine: Arc<Engine>,
    mut server: JoinHandle<io::Result<()>>,
    door: ApiDoor,
) {
    let producers = async { tokio::join!(&mut server, sources.stop(settings.sources.stop_timeout)) };
    match tokio::time::timeout(PRODUCERS_END, producers).await {
        Ok((Ok(Err(error)), _)) => tracing::warn!(%error, "the HTTP server did not end cleanly"),
        Ok((_, false)) | Err(_) => {
            tracing::warn!("producers did not end in time; what was not acknowledged to them is sent again");
        }
        Ok(_) => {}
    }
    engine.drain(settings.dispatcher.drain_timeout).await;
    door.close().await;
}

async fn start_engine(settings: &Settings, store: &Store) -> anyhow::Result<Arc<Engine>> {
    let transport = HttpTransport::new(settings.egress()?)?;
    let engine_settings = EngineSettings {
        dispatcher: settings.dispatcher(),
        intake: settings.intake(),
        worker: settings.worker(),
        retention: settings.retention(),
        defaults: settings.target_defaults(),
        addresses: addresses(settings),
    };
    let around = Surroundings {
        store: Arc::new(store.clone()),
        transport: Arc::new(transport),
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
    };
    Engine::start(engine_settings, around).await.context("the engine could not be started")
}

fn start_sources(settings: &Settings, store: &Store, engine: &Arc<Engine>) -> Sources {
    let around = SupervisorSurroundings {
        engine: Arc::clone(engine),
        store: Arc::new(store.clone()),
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
        open: callbacks_ingress::registry::opener(settings.brokers(), Arc::new(SystemClock)),
    };
    Sources::start(settings.supervisor(), around)
}

fn addresses(settings: &Settings) -> AddressPolicy {
    AddressPolicy::allowing(settings.egress.allowed_networks.clone())
}

/// Tells the person at the terminal where everything is.
fn announce(address: SocketAddr) -> io::Result<()> {
    let base = format!("http://{address}");
    writeln!(
        io::stdout(),
        "Callbacks {} is ready\n  API      {base}/api/v1\n  Swagger  {base}/swagger-ui.html\n  Health   {base}/actuator/health\n  Metrics  {base}/actuator/prometheus",
        env!("CARGO_PKG_VERSION")
    )
}
