use std::io::{self, Write};

use anyhow::bail;
use callbacks_core::access::audit_verification::verify_across_tenants;

use super::text_table::TextTable;
use crate::process::{database::Database, telemetry};
use crate::settings::{Settings, Sources};

/// Follows every chain of the audit log, prints where it ends, and fails when one is broken.
pub(super) async fn run(sources: &Sources) -> anyhow::Result<()> {
    let settings = Settings::load(sources)?;
    telemetry::start_logging(&settings.log)?;
    let database = Database::beside(&settings).await?;
    let reports = verify_across_tenants(database.store()).await;
    database.close().await;
    let reports = reports?;
    let mut table = TextTable::new(&["TENANT", "ENTRIES", "HASH OF THE LAST", "VERDICT"]);
    for report in &reports {
        let tenant = if report.tenant_id.is_empty() { "(the service)" } else { &report.tenant_id };
        let verdict = report.fault.as_deref().unwrap_or("whole");
        table.row([tenant.to_owned(), report.entries.to_string(), report.hash.clone(), verdict.to_owned()]);
    }
    write!(io::stdout(), "{table}")?;
    let broken = reports.iter().filter(|report| report.fault.is_some()).count();
    if broken > 0 {
        bail!("{broken} of {} chains of the audit log are broken", reports.len());
    }
    Ok(())
}
