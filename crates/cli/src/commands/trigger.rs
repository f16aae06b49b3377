use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};
use callbacks_interfaces::callback_execution::ExecutionStatus;
use callbacks_interfaces::delivery::DeliveryState;
use callbacks_interfaces::duration_syntax;
use callbacks_interfaces::event::{EventDeliveryView, EventView};
use callbacks_sdk::client::Client;
use callbacks_sdk::client::bodies::EventBody;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::service_address::ServiceAddress;
use super::text_input::read_text;
use super::text_table::TextTable;
use super::{configuration_lookup, execution_report};

/// Longest payload that is read, in bytes.
const PAYLOAD_MAX: usize = 16 << 20;
/// How often a published event is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Send an event and show what became of it
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Trigger {
    /// Type of the event, such as order.created
    event: String,
    /// Only test this configuration, with the service's sample event: its name, URL or id
    #[arg(value_name = "NAME|URL")]
    configuration: Option<String>,
    /// File with the payload (JSON); - is standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["data", "configuration"])]
    payload: Option<PathBuf>,
    /// The payload itself (JSON)
    #[arg(long, value_name = "JSON", conflicts_with = "configuration")]
    data: Option<String>,
    /// Id of the event
    #[arg(long, conflicts_with = "configuration")]
    id: Option<String>,
    /// Whose event or configuration it is
    #[arg(long)]
    tenant: Option<String>,
    /// How long to wait for the first attempts: 10s, 1m, PT1M
    #[arg(long, default_value = "20s", value_name = "DURATION")]
    wait: String,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    service: ServiceAddress,
}

impl Trigger {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let client = self.service.client()?;
        match &self.configuration {
            Some(configuration) => self.test(&client, configuration).await,
            None => self.publish(&client).await,
        }
    }

    async fn test(&self, client: &Client, configuration: &str) -> anyhow::Result<()> {
        let configuration = configuration_lookup::find(client, configuration, self.tenant.as_deref()).await?;
        let wanted = |pattern: &String| {
            callbacks_interfaces::event_pattern::EventPattern::try_from(pattern.as_str())
                .is_ok_and(|pattern| pattern.matches(&self.event))
        };
        if !configuration.subscribed_event_types.iter().any(wanted) {
            let subscribed = configuration.subscribed_event_types.join(", ");
            bail!("{} does not want {}: it is subscribed to {subscribed}", configuration.name, self.event);
        }
        let execution = client.configurations().test(configuration.id).await?;
        let mut out = io::stdout().lock();
        if self.json {
            writeln!(out, "{}", serde_json::to_string_pretty(&execution)?)?;
        } else {
            write!(out, "{}", execution_report::report(&execution))?;
        }
        if execution.status == ExecutionStatus::Success {
            Ok(())
        } else {
            bail!("the test delivery did not succeed")
        }
    }

    async fn publish(&self, client: &Client) -> anyhow::Result<()> {
        let wait = duration_syntax::general(&self.wait).context("--wait")?.unsigned_abs();
        let mut event = EventBody::new(self.event.as_str(), self.payload()?);
        event.id.clone_from(&self.id);
        event.tenant_id.clone_from(&self.tenant);
        let accepted = client.events().publish(&event).await?;
        if accepted.duplicate {
            bail!("event {} was accepted before; nothing new is sent", accepted.event_id);
        }
        let event = attempted(client, &accepted.event_id, Instant::now() + wait).await?;
        let deliveries = event.deliveries.as_deref().unwrap_or_default();
        let mut out = io::stdout().lock();
        if self.json {
            writeln!(out, "{}", serde_json::to_string_pretty(&event)?)?;
        } else {
            writeln!(out, "event {} accepted; it goes to {} configurations", event.event_id, event.matched)?;
            write!(out, "{}", table(deliveries))?;
        }
        let failed = deliveries.iter().filter(|delivery| delivery.state != DeliveryState::Delivered).count();
        if failed == 0 {
            Ok(())
        } else {
            bail!("{failed} of {} deliveries have not succeeded", deliveries.len())
        }
    }

    /// The payload byte by byte as it was given.
    fn payload(&self) -> anyhow::Result<Box<RawValue>> {
        let text = match (&self.payload, &self.data) {
            (Some(file), _) => read_text(file, PAYLOAD_MAX)?,
            (None, Some(text)) => text.clone(),
            (None, None) => sample(&self.event).to_string(),
        };
        RawValue::from_string(text.trim().to_owned()).context("the payload is not valid JSON")
    }
}

fn sample(event: &str) -> Value {
    json!({"eventType": event, "message": "A sample event sent by `callbacks trigger`. Nothing has happened."})
}

/// The event once each of its deliveries was attempted or is held, or as it is at the deadline.
async fn attempted(client: &Client, id: &str, deadline: Instant) -> anyhow::Result<EventView> {
    loop {
        let event = client.events().get(id).await?;
        let waits = |delivery: &EventDeliveryView| {
            matches!(delivery.state, DeliveryState::Pending | DeliveryState::InProgress)
        };
        let deliveries = event.deliveries.as_deref().unwrap_or_default();
        if !deliveries.iter().any(waits) || Instant::now() >= deadline {
            return Ok(event);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn table(deliveries: &[EventDeliveryView]) -> TextTable {
    let mut table =
        TextTable::new(&["CONFIGURATION", "STATE", "ATTEMPTS", "ANSWERED", "ERROR OR HOLD", "DELIVERY"]);
    for delivery in deliveries {
        table.row([
            delivery.configuration_id.to_string(),
            delivery.state.to_string(),
            delivery.attempts.to_string(),
            delivery.last_status_code.map(|status| format!("HTTP {status}")).unwrap_or_default(),
            delivery.last_error.clone().or_else(|| delivery.hold_reason.clone()).unwrap_or_default(),
            delivery.delivery_id.to_string(),
        ]);
    }
    table
}
