//! Where in a token's claims something stands.

use serde_json::{Map, Value};

/// The way to a claim: its name, names of nested objects with dots between them (`realm_access.roles`), or a JSON
/// Pointer (RFC 6901: `/resource_access/callbacks.api/roles`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimPath(String);

impl ClaimPath {
    /// The way written as `text`; `None` when it leads nowhere.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        (!text.is_empty()).then(|| Self(text.to_owned()))
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands there. A claim whose very name has dots (`https://example.com/tenant`) comes before nested ones;
    /// `null` counts as absent.
    #[must_use]
    pub fn find<'a>(&self, claims: &'a Map<String, Value>) -> Option<&'a Value> {
        let found = match self.0.strip_prefix('/') {
            Some(rest) => pointed(claims, rest),
            None => claims.get(&self.0).or_else(|| nested(claims, &self.0)),
        };
        found.filter(|value| !value.is_null())
    }
}

fn pointed<'a>(claims: &'a Map<String, Value>, rest: &str) -> Option<&'a Value> {
    let (first, deeper) = rest.split_once('/').map_or((rest, None), |(first, deeper)| (first, Some(deeper)));
    let value = claims.get(&first.replace("~1", "/").replace("~0", "~"))?;
    match deeper {
        None => Some(value),
        Some(deeper) => value.pointer(&format!("/{deeper}")),
    }
}

fn nested<'a>(claims: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    let mut steps = path.split('.');
    let first = claims.get(steps.next()?)?;
    steps.try_fold(first, |value, step| value.as_object()?.get(step))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_dots_and_pointers_lead_to_claims() {
        let claims = json!({
            "tenant": "a", "https://x.example/tenant": "b", "empty": null,
            "realm": {"roles": ["r"], "a.b": 1}, "a/b": {"~": 2},
        });
        let claims = claims.as_object().expect("an object");
        let at = |path: &str| ClaimPath::new(path).expect("a path").find(claims).cloned();
        assert_eq!(at("tenant"), Some(json!("a")));
        assert_eq!(at("https://x.example/tenant"), Some(json!("b")));
        assert_eq!(at("realm.roles"), Some(json!(["r"])));
        assert_eq!(at("/realm/a.b"), Some(json!(1)));
        assert_eq!(at("/a~1b/~0"), Some(json!(2)));
        for nowhere in ["empty", "realm.none", "tenant.x", "/realm/none", "/", "realm..roles"] {
            assert_eq!(at(nowhere), None, "{nowhere}");
        }
        assert_eq!(ClaimPath::new("  "), None);
    }
}
