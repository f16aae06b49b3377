use std::collections::BTreeSet;
use std::io::{self, Write};

use anyhow::{Context as _, bail};
use callbacks_core::clock::{Clock as _, SystemClock};
use callbacks_interfaces::callback_execution::ExecutionStatus;
use callbacks_interfaces::duration_syntax;
use callbacks_interfaces::ids::{DeliveryId, ExecutionId};
use callbacks_interfaces::instant;
use callbacks_sdk::client::{Client, Selection};
use serde_json::json;

use super::configuration_lookup;
use super::service_address::ServiceAddress;

/// Most executions one call replays.
const REPLAYS_MAX: usize = 10_000;

/// Deliver again, with a fresh set of attempts
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Replay {
    /// An event (to every configuration it matched), an execution (to its configuration), or a waiting delivery (dlv_…)
    #[arg(required_unless_present = "configuration")]
    id: Option<String>,
    /// Everything that failed for one configuration: its name, URL or id
    #[arg(long, value_name = "NAME|URL", conflicts_with = "id")]
    configuration: Option<String>,
    /// How far back to look for what failed: 1h, PT24H
    #[arg(long, default_value = "24h", value_name = "DURATION")]
    since: String,
    /// Whose configuration it is
    #[arg(long)]
    tenant: Option<String>,
    /// Only say what would be delivered again
    #[arg(long, requires = "configuration")]
    dry_run: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    service: ServiceAddress,
}

impl Replay {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let client = self.service.client()?;
        let queued = match (&self.id, &self.configuration) {
            (Some(id), _) => one(&client, id).await?,
            (None, Some(configuration)) => self.failed(&client, configuration).await?,
            (None, None) => bail!("name an id or a --configuration"),
        };
        let mut out = io::stdout().lock();
        if self.json {
            writeln!(out, "{:#}", json!({"deliveries": queued, "dryRun": self.dry_run}))?;
        } else {
            for delivery in &queued {
                writeln!(out, "{delivery}")?;
            }
            let done = if self.dry_run { "would be queued again" } else { "queued again" };
            writeln!(out, "{} deliveries {done}", queued.len())?;
        }
        Ok(())
    }

    async fn failed(&self, client: &Client, configuration: &str) -> anyhow::Result<Vec<DeliveryId>> {
        let configuration = configuration_lookup::find(client, configuration, self.tenant.as_deref()).await?;
        let since = SystemClock.now() - duration_syntax::general(&self.since).context("--since")?;
        let since = instant::to_text(since).context("--since is too long ago")?;
        let selection = Selection::all()
            .filtered("configurationId", configuration.id.to_string())
            .filtered("status", ExecutionStatus::FailedPermanent.as_str())
            .filtered("executedAt", json!({"gte": since}))
            .sorted("id,asc");
        let mut executions = Vec::new();
        for number in 0.. {
            let page = client.executions().filter(&selection.clone().page(number, 500)).await?;
            executions
                .extend(page.content.into_iter().map(|execution| (execution.id, execution.delivery_id)));
            if executions.len() > REPLAYS_MAX {
                bail!("more than {REPLAYS_MAX} deliveries failed in that time; use a shorter --since");
            }
            if page.last {
                break;
            }
        }
        let mut queued = BTreeSet::new();
        for (execution, delivery) in executions {
            if queued.insert(delivery) && !self.dry_run {
                client.executions().replay(execution).await?;
            }
        }
        Ok(queued.into_iter().collect())
    }
}

/// Replays what an id names: a delivery, an event, or else an execution.
async fn one(client: &Client, id: &str) -> anyhow::Result<Vec<DeliveryId>> {
    if let Ok(delivery) = id.parse::<DeliveryId>() {
        return Ok(vec![client.deliveries().retry(delivery).await?.id]);
    }
    match (client.events().replay(id).await, id.parse::<ExecutionId>()) {
        (Ok(replayed), _) => Ok(replayed.deliveries),
        (Err(error), Ok(execution)) if error.is_not_found() => {
            let replayed = client.executions().replay(execution).await;
            match replayed {
                Ok(replayed) => Ok(vec![replayed.delivery_id]),
                Err(error) if error.is_not_found() => bail!("{id} is neither an event nor an execution"),
                Err(error) => Err(error.into()),
            }
        }
        (Err(error), _) => Err(error.into()),
    }
}
