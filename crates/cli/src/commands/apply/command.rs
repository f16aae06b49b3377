use std::io::{self, Write};
use std::path::PathBuf;

use callbacks_interfaces::masked::{MASK, is_sensitive_name};
use serde_json::{Value, json};

use super::comparison::{Difference, Secrets};
use super::document::{DOCUMENT_MAX, parse};
use super::plan::{Action, Change, Permission, Verb, plan};
use super::wanted::Wanted;
use super::{carrying_out, recognition, validation};
use crate::commands::service_address::ServiceAddress;
use crate::commands::text_input::read_text;
use crate::commands::text_table::TextTable;

/// Make the service look as a file says; see `callbacks generate` for a starter.
#[derive(Debug, Clone, clap::Args)]
pub(in crate::commands) struct Apply {
    /// YAML or JSON: this service's own form, or pyfly's, Dealix's or servo's; - is standard input
    #[arg(short, long, value_name = "FILE")]
    file: PathBuf,
    /// Only show what would be done
    #[arg(long)]
    dry_run: bool,
    /// Delete what the file's lists do not name (for another system's file: what was imported from there)
    #[arg(long)]
    prune: bool,
    /// Send secrets again that are stored already; they cannot be compared
    #[arg(long)]
    update_secrets: bool,
    /// Tenant of everything that names none
    #[arg(long, default_value = "default", value_name = "TENANT")]
    tenant: String,
    /// Print the plan as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    service: ServiceAddress,
}

impl Apply {
    pub(in crate::commands) async fn run(self) -> anyhow::Result<()> {
        let text = read_text(&self.file, DOCUMENT_MAX)?;
        let wanted = wanted_by(&text, &self.tenant)?;
        let client = self.service.client()?;
        let existing = carrying_out::existing(&client, &wanted).await?;
        let secrets = if self.update_secrets { Secrets::Sent } else { Secrets::Kept };
        let changes = plan(&wanted, &existing, Permission { secrets, prune: self.prune })?;
        self.print(&wanted, &changes)?;
        if self.dry_run {
            return Ok(());
        }
        for change in &changes {
            carrying_out::carry_out(&client, change).await?;
        }
        Ok(())
    }

    fn print(&self, wanted: &Wanted, changes: &[Change]) -> io::Result<()> {
        let mut out = io::stdout().lock();
        if self.json {
            let rows: Vec<Value> = changes.iter().map(as_json).collect();
            return writeln!(
                out,
                "{:#}",
                json!({"changes": rows, "notes": wanted.notes, "dryRun": self.dry_run})
            );
        }
        let mut table = TextTable::new(&["CHANGE", "KIND", "TENANT", "NAME", "DETAILS"]);
        for change in changes {
            table.row([
                word(change.action.verb()).to_owned(),
                change.kind.to_string(),
                change.tenant.clone(),
                change.name.clone(),
                details(&change.action),
            ]);
        }
        write!(out, "{table}")?;
        for note in &wanted.notes {
            writeln!(out, "note: {note}")?;
        }
        let count = |verb: Verb| changes.iter().filter(|change| change.action.verb() == verb).count();
        let (created, updated) = (count(Verb::Create), count(Verb::Update));
        let (kept, deleted) = (count(Verb::Keep), count(Verb::Delete));
        let mode = if self.dry_run { " (dry run: nothing was changed)" } else { "" };
        writeln!(out, "{created} to create, {updated} to update, {deleted} to delete, {kept} unchanged{mode}")
    }
}

/// What a file's text asks for, checked.
fn wanted_by(text: &str, tenant: &str) -> anyhow::Result<Wanted> {
    let document = parse(text, &|name| std::env::var(name).ok())?;
    let wanted = recognition::read(&document, tenant)?;
    validation::check(&wanted)?;
    Ok(wanted)
}

fn word(verb: Verb) -> &'static str {
    match verb {
        Verb::Create => "+ create",
        Verb::Update => "~ update",
        Verb::Keep => "= keep",
        Verb::Delete => "- delete",
    }
}

fn details(action: &Action) -> String {
    match action {
        Action::Create { body } => body.get("url").and_then(Value::as_str).unwrap_or_default().to_owned(),
        Action::Update { differences, .. } => differences.iter().map(shown).collect::<Vec<_>>().join("; "),
        Action::Keep | Action::Delete { .. } => String::new(),
    }
}

fn shown(difference: &Difference) -> String {
    let Difference { member, from, to } = harmless(difference);
    format!("{member}: {from} → {to}")
}

fn as_json(change: &Change) -> Value {
    let differences: Vec<Difference> = match &change.action {
        Action::Update { differences, .. } => differences.iter().map(harmless).collect(),
        Action::Create { .. } | Action::Keep | Action::Delete { .. } => Vec::new(),
    };
    json!({
        "change": change.action.verb(), "kind": change.kind.to_string(), "tenant": change.tenant, "name": change.name,
        "differences": differences,
    })
}

/// A difference that can be printed: what is as good as a password is masked.
fn harmless(difference: &Difference) -> Difference {
    let masked = |value: &Value| match value {
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| {
                (name.clone(), if is_sensitive_name(name) { MASK.into() } else { value.clone() })
            })
            .collect(),
        value => value.clone(),
    };
    let Difference { member, from, to } = difference;
    let secret = matches!(member.as_str(), "secret" | "endpointAuth" | "tls");
    Difference {
        member: member.clone(),
        from: masked(from),
        to: if secret { MASK.into() } else { masked(to) },
    }
}

#[cfg(test)]
pub(in crate::commands) mod tests {
    use super::*;

    /// Whether a text could be applied.
    pub(in crate::commands) fn check_text(text: &str) -> anyhow::Result<()> {
        wanted_by(text, "default").map(drop)
    }

    #[test]
    fn no_secret_is_shown() {
        let difference =
            |member: &str, to: Value| Difference { member: member.to_owned(), from: Value::Null, to };
        let text = shown(&difference("secret", "canary".into()))
            + &shown(&difference("tls", json!({"clientKeyPem": "canary"})))
            + &shown(&difference("endpointAuth", json!({"username": "canary"})))
            + &shown(&difference("customHeaders", json!({"Authorization": "canary", "X-A": "1"})));
        assert!(!text.contains("canary") && text.contains("X-A"), "{text}");
    }
}
