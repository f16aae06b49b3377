//! What everything cost up to an instant; two snapshots make a measurement.

use std::time::{Duration, Instant};

use anyhow::Result;
use sqlx::postgres::PgConnection;

use crate::ledger::{Ledger, Span};
use crate::private_postgres::{PrivatePostgres, wal_bytes};
use crate::process_cost::{cpu_seconds, cpu_seconds_with_children, resident_mebibytes};
use crate::report::{Cost, Row};
use crate::service::Service;

/// The processes whose cost is measured.
pub(crate) struct Meter {
    service_pid: u32,
    postgres: PrivatePostgres,
    wal: PgConnection,
    peak_resident: f64,
}

/// Counters at an instant.
pub(crate) struct Snapshot {
    at: Instant,
    accepted: u64,
    delivered: u64,
    service_cpu: f64,
    postgres_cpu: f64,
    bench_cpu: f64,
    wal: i64,
}

impl Meter {
    /// A meter of `service` and its private PostgreSQL.
    pub(crate) async fn of(service: &Service) -> Result<Self> {
        let postgres = service.postgres()?;
        let wal = postgres.connect().await?;
        Ok(Self { service_pid: service.pid(), postgres, wal, peak_resident: 0.0 })
    }

    /// Forgets the highest memory seen and lets PostgreSQL write out what it holds back.
    pub(crate) async fn reset(&mut self) -> Result<()> {
        self.peak_resident = 0.0;
        crate::private_postgres::checkpoint(&mut self.wal).await
    }

    /// Reads the service's memory and remembers the highest reading.
    pub(crate) fn sample_memory(&mut self) -> Result<f64> {
        self.peak_resident = self.peak_resident.max(resident_mebibytes(self.service_pid)?);
        Ok(self.peak_resident)
    }

    /// Reads every counter now.
    pub(crate) async fn snapshot(&mut self, ledger: &Ledger) -> Result<Snapshot> {
        Ok(Snapshot {
            wal: wal_bytes(&mut self.wal).await?,
            service_cpu: cpu_seconds(self.service_pid)?,
            postgres_cpu: cpu_seconds_with_children(self.postgres.pid())?,
            bench_cpu: cpu_seconds(std::process::id())?,
            at: Instant::now(),
            accepted: ledger.accepted_count(),
            delivered: ledger.delivered_count(),
        })
    }

    /// The row of what happened between two snapshots.
    pub(crate) fn row(&self, name: &str, ledger: &Ledger, from: &Snapshot, until: &Snapshot) -> Row {
        let seconds = until.at.duration_since(from.at).as_secs_f64();
        let accepted = (until.accepted - from.accepted) as f64;
        let delivered = (until.delivered - from.delivered) as f64;
        // Where nothing is to be delivered, the cost is that of an accepted event.
        let units = if delivered > 0.0 { delivered } else { accepted };
        let latencies = |span| ledger.latencies(span, from.at, until.at);
        Row {
            scenario: name.to_owned(),
            accepted_per_second: accepted / seconds,
            deliveries_per_second: delivered / seconds,
            sent_to_accepted: latencies(Span::SentToAccepted),
            accepted_to_received: latencies(Span::AcceptedToReceived),
            sent_to_received: latencies(Span::SentToReceived),
            cost: Some(Cost {
                service_cpu_seconds: (until.service_cpu - from.service_cpu) * 1e3 / units,
                postgres_cpu_seconds: (until.postgres_cpu - from.postgres_cpu) * 1e3 / units,
                wal_bytes: (until.wal - from.wal) as f64 / units,
                resident_mebibytes: self.peak_resident,
            }),
            bench_cpu_seconds: (until.bench_cpu - from.bench_cpu) * 1e3 / units,
            ..Row::default()
        }
    }
}

/// Processor seconds of this process and deliveries between two calls: the ceiling has no service to meter.
pub(crate) struct BareSnapshot {
    at: Instant,
    delivered: u64,
    bench_cpu: f64,
}

impl BareSnapshot {
    /// Reads the counters now.
    pub(crate) fn take(ledger: &Ledger) -> Result<Self> {
        Ok(Self {
            at: Instant::now(),
            delivered: ledger.delivered_count(),
            bench_cpu: cpu_seconds(std::process::id())?,
        })
    }

    /// The row of what happened between two snapshots.
    pub(crate) fn row(&self, name: &str, ledger: &Ledger, until: &Self) -> Row {
        let elapsed: Duration = until.at.duration_since(self.at);
        let delivered = (until.delivered - self.delivered) as f64;
        Row {
            scenario: name.to_owned(),
            deliveries_per_second: delivered / elapsed.as_secs_f64(),
            sent_to_received: ledger.latencies(Span::SentToReceived, self.at, until.at),
            bench_cpu_seconds: (until.bench_cpu - self.bench_cpu) * 1e3 / delivered,
            ..Row::default()
        }
    }
}
