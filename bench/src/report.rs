//! The one table of a run, as Markdown on standard output and as JSON in a file; progress on standard error.

use std::io::{IsTerminal as _, Write as _};
use std::path::Path;

use anyhow::Result;
use serde::Serialize;

use crate::ledger::Latencies;

/// One scenario's figures.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Row {
    /// Name of the scenario.
    pub(crate) scenario: String,
    /// Events answered with 202, a second.
    pub(crate) accepted_per_second: f64,
    /// First receipts at healthy endpoints, a second.
    pub(crate) deliveries_per_second: f64,
    /// Request to 202.
    pub(crate) sent_to_accepted: Latencies,
    /// 202 to receipt.
    pub(crate) accepted_to_received: Latencies,
    /// Request to receipt.
    pub(crate) sent_to_received: Latencies,
    /// What service and PostgreSQL spent; `None` for the ceiling.
    pub(crate) cost: Option<Cost>,
    /// Processor seconds of producer and receiver per 1,000 deliveries.
    pub(crate) bench_cpu_seconds: f64,
    /// Deliveries a second divided by those of the ceiling of this run.
    pub(crate) share_of_ceiling: Option<f64>,
    /// Accepted deliveries that never arrived.
    pub(crate) lost: u64,
    /// Receipts beyond the first.
    pub(crate) duplicates: u64,
    /// Requests not answered with 202.
    pub(crate) refused: u64,
    /// Requests that reached an endpoint made to fail or to hang.
    pub(crate) failing_requests: u64,
    /// What else there is to say about it.
    pub(crate) note: Option<String>,
}

/// What 1,000 deliveries (or, where nothing is delivered, 1,000 accepted events) cost.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Cost {
    /// Processor seconds of the service, per 1,000.
    pub(crate) service_cpu_seconds: f64,
    /// Processor seconds of all PostgreSQL processes, per 1,000.
    pub(crate) postgres_cpu_seconds: f64,
    /// Bytes of write-ahead log, each.
    pub(crate) wal_bytes: f64,
    /// Highest resident memory of the service.
    pub(crate) resident_mebibytes: f64,
}

const HEADINGS: [&str; 13] = [
    "scenario",
    "accepted/s",
    "deliveries/s",
    "request→202 ms p50/p99",
    "202→receiver ms p50/p99/p99.9",
    "request→receiver ms p50/p99/p99.9",
    "CPU s/1,000: service",
    "PostgreSQL",
    "bench",
    "WAL B each",
    "RSS MiB",
    "of ceiling",
    "lost/duplicate/refused",
];

impl Row {
    fn cells(&self) -> [String; 13] {
        let cost = |figure: fn(&Cost) -> f64, digits: usize| match &self.cost {
            Some(cost) => format!("{:.digits$}", figure(cost)),
            None => "–".to_owned(),
        };
        [
            self.scenario.clone(),
            thousands(self.accepted_per_second),
            thousands(self.deliveries_per_second),
            joined(&[self.sent_to_accepted.p50_ms, self.sent_to_accepted.p99_ms]),
            triple(&self.accepted_to_received),
            triple(&self.sent_to_received),
            cost(|cost| cost.service_cpu_seconds, 3),
            cost(|cost| cost.postgres_cpu_seconds, 3),
            format!("{:.3}", self.bench_cpu_seconds),
            cost(|cost| cost.wal_bytes, 0),
            cost(|cost| cost.resident_mebibytes, 0),
            self.share_of_ceiling.map_or_else(|| "–".to_owned(), |share| format!("{share:.2}")),
            format!("{}/{}/{}", self.lost, self.duplicates, self.refused),
        ]
    }
}

/// Prints the table.
pub(crate) fn print(rows: &[Row]) -> Result<()> {
    let mut lines = vec![HEADINGS.map(str::to_owned)];
    lines.extend(rows.iter().map(Row::cells));
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..HEADINGS.len()).map(width).collect();
    let rule = widths.iter().map(|width| "-".repeat(*width)).collect::<Vec<_>>().join("-|-");
    let mut out = std::io::stdout().lock();
    for (number, line) in lines.iter().enumerate() {
        let cells: Vec<String> =
            line.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        writeln!(out, "| {} |", cells.join(" | "))?;
        if number == 0 {
            writeln!(out, "|-{rule}-|")?;
        }
    }
    for row in rows {
        if let Some(note) = &row.note {
            writeln!(out, "\n{}: {note}.", row.scenario)?;
        }
    }
    Ok(())
}

/// Writes the rows as a JSON array.
pub(crate) fn write_json(rows: &[Row], file: &Path) -> Result<()> {
    Ok(std::fs::write(file, serde_json::to_vec_pretty(rows)?)?)
}

/// Says on standard error how far the run is; on a terminal the next call overwrites the line.
pub(crate) fn progress(text: &str) {
    let mut err = std::io::stderr().lock();
    // Progress that cannot be shown is no reason to stop measuring.
    let _shown = match err.is_terminal() {
        true => write!(err, "\r\x1b[K{text}").and_then(|()| err.flush()),
        false => writeln!(err, "{text}"),
    };
}

fn triple(latencies: &Latencies) -> String {
    joined(&[latencies.p50_ms, latencies.p99_ms, latencies.p999_ms])
}

fn joined(milliseconds: &[Option<f64>]) -> String {
    if milliseconds.iter().all(Option::is_none) {
        return "–".to_owned();
    }
    let texts =
        milliseconds.iter().map(|value| value.map_or_else(|| "–".to_owned(), |ms| format!("{ms:.1}")));
    texts.collect::<Vec<_>>().join("/")
}

/// A whole number with commas.
pub(crate) fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().filter_map(|group| std::str::from_utf8(group).ok()).collect();
    groups.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_separated() {
        assert_eq!(thousands(1_234_567.4), "1,234,567");
        assert_eq!(thousands(12.0), "12");
    }
}
