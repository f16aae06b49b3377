use anyhow::{Context as _, bail};
use callbacks_interfaces::domain_pattern::DomainPattern;
use serde_json::{Map, Value};

use super::wanted::{Kind, Wanted, WantedResource};

/// The lists of a tenant, and what is in them.
const LISTS: [(&str, Kind); 3] = [
    ("domains", Kind::Domain),
    ("configurations", Kind::Configuration),
    ("subscriptions", Kind::Subscription),
];

/// Reads this service's own form: the three lists at the top for one tenant (`tenantId`, or the one named on the command
/// line), and `tenants: {name: {the three lists}}` for others.
pub(super) fn read(document: &Map<String, Value>, default_tenant: &str) -> anyhow::Result<Wanted> {
    let mut wanted = Wanted::default();
    for name in document.keys() {
        let known = LISTS.iter().any(|(list, _)| list == name);
        if !known && !["version", "tenantId", "tenants"].contains(&name.as_str()) {
            bail!(
                "{name} is not known; known are version, tenantId, domains, configurations, subscriptions, tenants"
            );
        }
    }
    if document.get("version").is_some_and(|version| version.as_u64() != Some(1)) {
        bail!("version must be 1");
    }
    let tenant = match document.get("tenantId") {
        None | Some(Value::Null) => default_tenant,
        Some(Value::String(tenant)) => tenant,
        Some(_) => bail!("tenantId must be a text"),
    };
    read_lists(&mut wanted, document, tenant, "")?;
    match document.get("tenants") {
        None | Some(Value::Null) => {}
        Some(Value::Object(tenants)) => {
            for (tenant, lists) in tenants {
                let place = format!("tenants.{tenant}.");
                let lists =
                    lists.as_object().with_context(|| format!("tenants.{tenant} must be a map of lists"))?;
                if let Some(unknown) = lists.keys().find(|name| LISTS.iter().all(|(list, _)| list != name)) {
                    bail!("{place}{unknown} is not known; known are domains, configurations, subscriptions");
                }
                read_lists(&mut wanted, lists, tenant, &place)?;
            }
        }
        Some(_) => bail!("tenants must be a map from tenant to its lists"),
    }
    Ok(wanted)
}

fn read_lists(wanted: &mut Wanted, lists: &Map<String, Value>, tenant: &str, at: &str) -> anyhow::Result<()> {
    for (list, kind) in LISTS {
        let items = match lists.get(list) {
            None => continue,
            Some(Value::Null) => &Vec::new(),
            Some(Value::Array(items)) => items,
            Some(_) => bail!("{at}{list} must be a list"),
        };
        wanted.scopes.insert((tenant.to_owned(), kind));
        for (index, item) in items.iter().enumerate() {
            wanted.resources.push(resource(kind, item, tenant, format!("{at}{list}[{index}]"))?);
        }
    }
    Ok(())
}

fn resource(kind: Kind, item: &Value, tenant: &str, place: String) -> anyhow::Result<WantedResource> {
    let mut body = match (kind, item) {
        (_, Value::Object(body)) => body.clone(),
        (Kind::Domain, Value::String(domain)) => {
            Map::from_iter([("domain".to_owned(), domain.as_str().into())])
        }
        _ => bail!("{place} must be a map"),
    };
    let named = body.get("tenantId").filter(|tenant| !tenant.is_null());
    if named.is_some_and(|named| named != tenant) {
        bail!("{place}.tenantId is not the tenant of its list, {tenant}");
    }
    let member = kind.name_member();
    let name =
        body.get(member).and_then(Value::as_str).with_context(|| format!("{place}.{member} is required"))?;
    let name = canonical_name(kind, name);
    body.insert("tenantId".to_owned(), tenant.into());
    Ok(WantedResource { kind, place, tenant: tenant.to_owned(), name, body })
}

/// Domains are compared as the service stores them.
pub(super) fn canonical_name(kind: Kind, name: &str) -> String {
    match kind {
        Kind::Domain => {
            DomainPattern::try_from(name).map_or_else(|_| name.to_owned(), |domain| domain.to_string())
        }
        Kind::Configuration | Kind::Subscription => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn wanted(document: &Value) -> anyhow::Result<Wanted> {
        read(document.as_object().expect("an object"), "default")
    }

    #[test]
    fn the_lists_of_all_tenants_are_read() {
        let wanted = wanted(&json!({
            "version": 1,
            "domains": ["API.Example.com"],
            "tenants": {"acme": {"configurations": [{"name": "a", "url": "https://a.example"}], "subscriptions": []}},
        }))
        .expect("valid");
        let found: Vec<_> = wanted
            .resources
            .iter()
            .map(|one| (one.kind, one.tenant.as_str(), one.name.as_str(), one.place.as_str()))
            .collect();
        assert_eq!(
            found,
            [
                (Kind::Domain, "default", "api.example.com", "domains[0]"),
                (Kind::Configuration, "acme", "a", "tenants.acme.configurations[0]"),
            ]
        );
        assert_eq!(wanted.resources[1].body["tenantId"], "acme");
        assert_eq!(wanted.scopes.len(), 3);
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_its_place() {
        for (document, part) in [
            (json!({"configuration": []}), "configuration is not known"),
            (json!({"version": 2}), "version must be 1"),
            (json!({"configurations": [{"url": "https://a.example"}]}), "configurations[0].name is required"),
            (json!({"configurations": ["a"]}), "configurations[0] must be a map"),
            (json!({"tenants": {"a": {"domain": []}}}), "tenants.a.domain is not known"),
            (json!({"domains": [{"domain": "a.example", "tenantId": "other"}]}), "domains[0].tenantId"),
        ] {
            let error = wanted(&document).expect_err(part).to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
