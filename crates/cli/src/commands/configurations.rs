use std::io::{self, Write};

use callbacks_interfaces::callback_configuration::CallbackConfiguration;
use callbacks_sdk::client::Selection;
use clap::{Args, Subcommand};

use super::service_address::ServiceAddress;
use super::text_table::TextTable;

/// What can be done with callback configurations.
#[derive(Debug, Clone, Subcommand)]
pub(super) enum Configurations {
    /// List them
    List(List),
}

#[derive(Debug, Clone, Args)]
pub(super) struct List {
    #[command(flatten)]
    service: ServiceAddress,
    /// Only those of one tenant
    #[arg(long)]
    tenant: Option<String>,
    /// Only those with a status: ACTIVE, PAUSED, DISABLED, FAILED
    #[arg(long)]
    status: Option<String>,
    /// Only those imported as one group, such as a pyfly configuration with several targets
    #[arg(long)]
    group: Option<String>,
    /// Only those that contain a text
    #[arg(long)]
    search: Option<String>,
    /// Print them as JSON instead of a table
    #[arg(long)]
    json: bool,
}

impl Configurations {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::List(list) => list.run().await,
        }
    }
}

impl List {
    async fn run(self) -> anyhow::Result<()> {
        let mut selection = Selection::all().sorted("tenantId,asc").sorted("name,asc");
        if let Some(tenant) = self.tenant {
            selection = selection.filtered("tenantId", tenant);
        }
        if let Some(status) = self.status {
            selection = selection.filtered("status", status.to_ascii_uppercase());
        }
        if let Some(text) = &self.search {
            selection = selection.containing(text);
        }
        let mut found = self.service.client()?.configurations().collect(&selection).await?;
        if let Some(name) = &self.group {
            found.retain(|one| group(one) == Some(name));
        }
        let mut out = io::stdout().lock();
        if self.json {
            writeln!(out, "{}", serde_json::to_string_pretty(&found)?)?;
        } else {
            write!(out, "{}", table(&found))?;
        }
        Ok(())
    }
}

/// The name under which another system kept several targets together, as `apply` wrote it down.
fn group(configuration: &CallbackConfiguration) -> Option<&str> {
    configuration.metadata.as_ref()?.get("group")?.as_str()
}

fn table(configurations: &[CallbackConfiguration]) -> TextTable {
    let mut table = TextTable::new(&[
        "TENANT", "GROUP", "NAME", "STATUS", "EVENTS", "URL", "PROFILE", "SIGNED", "FAILURES", "ID",
    ]);
    for one in configurations {
        let status = if one.active { one.status.as_str() } else { "INACTIVE" };
        table.row([
            one.tenant_id.to_string(),
            group(one).unwrap_or_default().to_owned(),
            one.name.clone(),
            status.to_owned(),
            one.subscribed_event_types.join(" "),
            one.url.clone(),
            one.wire_profile.to_string(),
            if one.signature_enabled { "yes" } else { "no" }.to_owned(),
            format!("{}/{}", one.failure_count, one.failure_threshold),
            one.id.to_string(),
        ]);
    }
    table
}
