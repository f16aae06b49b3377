//! What every handler can reach: the management of resources, the limits of a request, and how the process is doing.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use callbacks_core::management::Management;
use serde::Serialize;
use tokio_util::task::TaskTracker;

use crate::auth::guard::Guard;

/// One pointer to [`Shared`]; cloned for every request.
#[derive(Clone)]
pub struct AppState(Arc<Shared>);

/// The parts behind [`AppState`].
pub struct Shared {
    /// Every change and every question goes through it.
    pub management: Management,
    /// Who must show what at the door.
    pub guard: Guard,
    /// What a request may cost.
    pub limits: RequestLimits,
    /// Where the metrics text comes from.
    pub metrics: MetricsPage,
    /// Which build this is.
    pub build: BuildInfo,
    /// Small follow-ups of requests, e.g. giving an idempotency key back; waited for at shutdown.
    pub background: TaskTracker,
    draining: AtomicBool,
}

/// Renders the process's metrics as Prometheus text.
pub type MetricsPage = Arc<dyn Fn() -> String + Send + Sync>;

/// Limits of one request.
#[derive(Debug, Clone, Copy)]
pub struct RequestLimits {
    /// Longest body, in bytes.
    pub body_bytes: usize,
    /// Longest time from the head of a request to the head of its answer.
    pub request_timeout: Duration,
}

impl Default for RequestLimits {
    fn default() -> Self {
        Self { body_bytes: 1 << 20, request_timeout: Duration::from_secs(30) }
    }
}

/// What `/actuator/info` shows.
#[derive(Debug, Clone, Serialize)]
pub struct BuildInfo {
    /// Name of the service.
    pub name: &'static str,
    /// Version of the build.
    pub version: &'static str,
}

impl Default for BuildInfo {
    fn default() -> Self {
        Self { name: "callbacks", version: env!("CARGO_PKG_VERSION") }
    }
}

impl AppState {
    /// A state with the default limits.
    #[must_use]
    pub fn new(management: Management, metrics: MetricsPage) -> Self {
        Self::with_limits(management, metrics, RequestLimits::default())
    }

    /// A state with limits of the caller's choice.
    #[must_use]
    pub fn with_limits(management: Management, metrics: MetricsPage, limits: RequestLimits) -> Self {
        Self::guarded(management, metrics, limits, Guard::Open)
    }

    /// A state with a guard at the door.
    #[must_use]
    pub fn guarded(
        management: Management,
        metrics: MetricsPage,
        limits: RequestLimits,
        guard: Guard,
    ) -> Self {
        Self(Arc::new(Shared {
            management,
            guard,
            limits,
            metrics,
            build: BuildInfo::default(),
            background: TaskTracker::new(),
            draining: AtomicBool::new(false),
        }))
    }
}

impl Deref for AppState {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl Shared {
    /// From now on readiness is false; called when shutdown begins.
    pub fn begin_draining(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Whether shutdown has begun.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }
}
