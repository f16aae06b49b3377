use std::collections::BTreeSet;
use std::fmt::Display;
use std::str::FromStr;

use anyhow::Context as _;
use callbacks_interfaces::ids::{ConfigurationId, DomainId, SubscriptionId};
use callbacks_sdk::client::{Client, Resource, Selection};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::comparison::Difference;
use super::plan::{Action, Change, Existing};
use super::wanted::{Kind, Wanted};

/// Reads what is there, for every tenant and kind the file speaks about.
pub(super) async fn existing(client: &Client, wanted: &Wanted) -> anyhow::Result<Vec<Existing>> {
    let named = wanted.resources.iter().map(|resource| (resource.kind, resource.tenant.clone()));
    let scopes: BTreeSet<(Kind, String)> =
        named.chain(wanted.scopes.iter().map(|(tenant, kind)| (*kind, tenant.clone()))).collect();
    let mut found = Vec::new();
    for (kind, tenant) in scopes {
        found.extend(match kind {
            Kind::Domain => rows(client.domains(), kind, &tenant).await?,
            Kind::Configuration => rows(client.configurations(), kind, &tenant).await?,
            Kind::Subscription => rows(client.subscriptions(), kind, &tenant).await?,
        });
    }
    Ok(found)
}

async fn rows<V: DeserializeOwned + Serialize, I: Display>(
    resource: Resource<'_, V, I>,
    kind: Kind,
    tenant: &str,
) -> anyhow::Result<Vec<Existing>> {
    let views = resource.collect(&Selection::all().filtered("tenantId", tenant)).await?;
    views.iter().map(|view| row(kind, tenant, &serde_json::to_value(view)?)).collect()
}

fn row(kind: Kind, tenant: &str, view: &Value) -> anyhow::Result<Existing> {
    let text = |member: &str| view.get(member).and_then(Value::as_str).map(str::to_owned);
    let id = text("id").context("the service answered with a resource without an id")?;
    let name = text(kind.name_member()).context("the service answered with a resource without a name")?;
    let view = view.as_object().cloned().unwrap_or_default();
    Ok(Existing { kind, id, tenant: tenant.to_owned(), name, view })
}

/// Carries out one change.
pub(super) async fn carry_out(client: &Client, change: &Change) -> anyhow::Result<()> {
    let (kind, name) = (change.kind, &change.name);
    let done = match &change.action {
        Action::Keep => Ok(()),
        Action::Create { body } => create(client, kind, body).await,
        Action::Update { id, differences } => update(client, kind, id, differences).await,
        Action::Delete { id } => delete(client, kind, id, name).await,
    };
    done.with_context(|| format!("{kind} {name} of tenant {}", change.tenant))
}

async fn create(client: &Client, kind: Kind, body: &Map<String, Value>) -> anyhow::Result<()> {
    match kind {
        Kind::Domain => client.domains().create(body).await.map(drop),
        Kind::Configuration => client.configurations().create(body).await.map(drop),
        Kind::Subscription => client.subscriptions().create(body).await.map(drop),
    }?;
    Ok(())
}

async fn update(client: &Client, kind: Kind, id: &str, differences: &[Difference]) -> anyhow::Result<()> {
    let patch: Map<String, Value> =
        differences.iter().map(|one| (one.member.clone(), one.to.clone())).collect();
    match kind {
        Kind::Domain => client.domains().patch(parsed::<DomainId>(id)?, &patch).await.map(drop),
        Kind::Configuration => {
            client.configurations().patch(parsed::<ConfigurationId>(id)?, &patch).await.map(drop)
        }
        Kind::Subscription => {
            client.subscriptions().patch(parsed::<SubscriptionId>(id)?, &patch).await.map(drop)
        }
    }?;
    Ok(())
}

async fn delete(client: &Client, kind: Kind, id: &str, name: &str) -> anyhow::Result<()> {
    match kind {
        Kind::Domain => client.domains().delete(parsed(id)?, name).await,
        Kind::Configuration => client.configurations().delete(parsed(id)?).await,
        Kind::Subscription => client.subscriptions().delete(parsed(id)?).await,
    }?;
    Ok(())
}

fn parsed<I: FromStr>(id: &str) -> anyhow::Result<I> {
    id.parse().ok().with_context(|| format!("the service answered with {id:?} as an id"))
}
