use std::io::{self, Write};

use serde_json::{Value, json};

use super::service_address::ServiceAddress;

/// What servo's webhooks carry: content type, and the JSON Schema of the body.
const SERVO_CONTENT_TYPE: &str = "application/vnd.opsani.servo-webhooks+json";
const SERVO_SCHEMA: &str = include_str!("schema/servo.json");

/// Print the JSON Schema of an event type
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Schema {
    /// Event type of the catalogue, or a servo event such as after:measure
    event: String,
    /// Print the schema alone, without its content type
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    service: ServiceAddress,
}

impl Schema {
    /// Asks the catalogue; servo's events have a schema of their own when the catalogue has none.
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let is_servo = self.event.starts_with("before:") || self.event.starts_with("after:");
        let (content_type, schema): (&str, Value) =
            match self.service.client()?.event_types().schema(&self.event).await {
                Ok(schema) => ("application/json", schema),
                Err(error) if is_servo && (error.is_not_found() || error.status().is_none()) => {
                    (SERVO_CONTENT_TYPE, serde_json::from_str(SERVO_SCHEMA)?)
                }
                Err(error) => return Err(error.into()),
            };
        let mut out = io::stdout().lock();
        if !self.json {
            writeln!(out, "{}", json!({"event": self.event, "contentType": content_type}))?;
        }
        writeln!(out, "{schema:#}")?;
        Ok(())
    }
}
