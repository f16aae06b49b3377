use std::collections::BTreeMap;

use anyhow::bail;
use serde::Serialize;
use serde_json::{Map, Value};

use super::comparison::{Difference, Secrets, differences};
use super::wanted::{IMPORTED_FROM, Kind, Wanted};

/// A resource that is there.
#[derive(Debug, Clone)]
pub(super) struct Existing {
    pub(super) kind: Kind,
    pub(super) id: String,
    pub(super) tenant: String,
    pub(super) name: String,
    /// Its view, as the API answers it.
    pub(super) view: Map<String, Value>,
}

/// What has to be done to one resource.
#[derive(Debug, Clone)]
pub(super) struct Change {
    pub(super) kind: Kind,
    pub(super) tenant: String,
    pub(super) name: String,
    pub(super) action: Action,
}

#[derive(Debug, Clone)]
pub(super) enum Action {
    Create { body: Map<String, Value> },
    Update { id: String, differences: Vec<Difference> },
    Keep,
    Delete { id: String },
}

impl Action {
    /// The word for it.
    pub(super) fn verb(&self) -> Verb {
        match self {
            Self::Create { .. } => Verb::Create,
            Self::Update { .. } => Verb::Update,
            Self::Keep => Verb::Keep,
            Self::Delete { .. } => Verb::Delete,
        }
    }
}

/// What is done, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Verb {
    Create,
    Update,
    Keep,
    Delete,
}

/// How far a plan may go.
#[derive(Debug, Clone, Copy)]
pub(super) struct Permission {
    pub(super) secrets: Secrets,
    pub(super) prune: bool,
}

/// Compares what is wanted with what is there. Creations come in the order of the kinds (a configuration needs its
/// domain), deletions last and the other way round.
///
/// # Errors
/// When a name stands for more than one resource.
pub(super) fn plan(
    wanted: &Wanted,
    existing: &[Existing],
    permission: Permission,
) -> anyhow::Result<Vec<Change>> {
    let mut by_name: BTreeMap<(Kind, &str, &str), Vec<&Existing>> = BTreeMap::new();
    for one in existing {
        by_name.entry((one.kind, &one.tenant, &one.name)).or_default().push(one);
    }
    let mut changes = Vec::new();
    let mut named = BTreeMap::new();
    for resource in &wanted.resources {
        let key = (resource.kind, resource.tenant.as_str(), resource.name.as_str());
        if let Some(other) = named.insert(key, &resource.place) {
            bail!("{} and {other} have the same name, {:?}", resource.place, resource.name);
        }
        let action = match by_name.get(&key).map(Vec::as_slice) {
            None | Some([]) => Action::Create { body: resource.body.clone() },
            Some([one]) => match differences(&resource.body, &one.view, permission.secrets) {
                differences if differences.is_empty() => Action::Keep,
                differences => Action::Update { id: one.id.clone(), differences },
            },
            Some(several) => bail!(
                "{}: tenant {} has {} {}s called {:?}; rename all but one",
                resource.place,
                resource.tenant,
                several.len(),
                resource.kind,
                resource.name
            ),
        };
        let (tenant, name) = (resource.tenant.clone(), resource.name.clone());
        changes.push(Change { kind: resource.kind, tenant, name, action });
    }
    changes.sort_by_key(|change| change.kind);
    if permission.prune {
        let superfluous =
            existing.iter().rev().filter(|one| !named.contains_key(&(one.kind, &*one.tenant, &*one.name)));
        changes.extend(superfluous.filter(|one| is_ours(one, wanted)).map(|one| Change {
            kind: one.kind,
            tenant: one.tenant.clone(),
            name: one.name.clone(),
            action: Action::Delete { id: one.id.clone() },
        }));
    }
    Ok(changes)
}

/// Whether the file is the whole truth about resources like this one.
fn is_ours(one: &Existing, wanted: &Wanted) -> bool {
    let imported_from =
        one.view.get("metadata").and_then(|metadata| metadata.get(IMPORTED_FROM)).and_then(Value::as_str);
    wanted.scopes.contains(&(one.tenant.clone(), one.kind))
        && wanted.imported_from.is_none_or(|system| imported_from == Some(system))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::wanted::WantedResource;
    use super::*;

    const CAREFUL: Permission = Permission { secrets: Secrets::Kept, prune: false };
    const PRUNING: Permission = Permission { secrets: Secrets::Kept, prune: true };

    fn members(value: &Value) -> Map<String, Value> {
        value.as_object().expect("an object").clone()
    }

    fn wanted(names: &[(&str, i64)]) -> Wanted {
        let resource = |(name, retries): &(&str, i64)| WantedResource {
            kind: Kind::Configuration,
            place: format!("configurations {name}"),
            tenant: "acme".to_owned(),
            name: (*name).to_owned(),
            body: members(&json!({"name": name, "maxRetries": retries})),
        };
        Wanted {
            resources: names.iter().map(resource).collect(),
            scopes: [("acme".to_owned(), Kind::Configuration)].into(),
            ..Wanted::default()
        }
    }

    fn existing(name: &str, retries: i64, metadata: &Value) -> Existing {
        Existing {
            kind: Kind::Configuration,
            id: format!("id-{name}"),
            tenant: "acme".to_owned(),
            name: name.to_owned(),
            view: members(&json!({"name": name, "maxRetries": retries, "metadata": metadata})),
        }
    }

    fn verbs(changes: &[Change]) -> Vec<(Verb, &str)> {
        changes.iter().map(|change| (change.action.verb(), change.name.as_str())).collect()
    }

    #[test]
    fn each_resource_gets_its_action() {
        let there = [
            existing("same", 1, &Value::Null),
            existing("other", 1, &Value::Null),
            existing("extra", 1, &Value::Null),
        ];
        let wanted = wanted(&[("same", 1), ("other", 2), ("new", 3)]);
        let expected = vec![(Verb::Keep, "same"), (Verb::Update, "other"), (Verb::Create, "new")];
        assert_eq!(verbs(&plan(&wanted, &there, CAREFUL).expect("a plan")), expected);
        let pruned = plan(&wanted, &there, PRUNING).expect("a plan");
        assert_eq!(verbs(&pruned)[3..], [(Verb::Delete, "extra")]);
    }

    #[test]
    fn an_import_prunes_only_what_it_imported() {
        let there =
            [existing("old", 1, &json!({"importedFrom": "PYFLY"})), existing("mine", 1, &Value::Null)];
        let wanted = Wanted { imported_from: Some("PYFLY"), ..wanted(&[]) };
        assert_eq!(verbs(&plan(&wanted, &there, PRUNING).expect("a plan")), [(Verb::Delete, "old")]);
        let elsewhere = Wanted { scopes: Default::default(), ..wanted };
        assert!(plan(&elsewhere, &there, PRUNING).expect("a plan").is_empty());
    }

    #[test]
    fn names_must_name_one_thing() {
        assert!(plan(&wanted(&[("a", 1), ("a", 2)]), &[], CAREFUL).is_err());
        let twice = [existing("a", 1, &Value::Null), existing("a", 2, &Value::Null)];
        let error = plan(&wanted(&[("a", 1)]), &twice, CAREFUL).expect_err("ambiguous").to_string();
        assert!(error.contains("2 configurations called"), "{error}");
    }
}
