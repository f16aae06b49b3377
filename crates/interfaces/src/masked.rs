//! Masking of values that are as good as a password, wherever they are shown.

use std::collections::BTreeMap;

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

/// What is shown instead of a sensitive value. Sent back in an update it means "keep the value".
pub const MASK: &str = "***";

/// Whether the value under such a name must not be shown: `Authorization`, `X-Api-Key`,
/// `sasl.password` and the like.
#[must_use]
pub fn is_sensitive_name(name: &str) -> bool {
    const PARTS: &[&str] = &[
        "auth",
        "password",
        "passwd",
        "secret",
        "token",
        "apikey",
        "api-key",
        "api_key",
        "cookie",
        "credential",
        "jaas",
        "private",
        "signature",
    ];
    let name = name.to_ascii_lowercase();
    PARTS.iter().any(|part| name.contains(part))
}

/// Writes a map with its sensitive values masked. For `#[serde(serialize_with = "…")]`.
///
/// # Errors
/// When the serializer fails.
pub fn serialize<S: Serializer>(
    map: &Option<BTreeMap<String, String>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let Some(map) = map else {
        return serializer.serialize_none();
    };
    let mut members = serializer.serialize_map(Some(map.len()))?;
    for (name, value) in map {
        members.serialize_entry(name, shown(name, value))?;
    }
    members.end()
}

/// The value as it may be shown.
#[must_use]
pub fn shown<'a>(name: &str, value: &'a str) -> &'a str {
    if is_sensitive_name(name) { MASK } else { value }
}

/// Puts back the values a caller could only see masked, so that reading and writing back what was
/// read changes nothing.
pub fn restore(written: &mut Option<BTreeMap<String, String>>, existing: Option<&BTreeMap<String, String>>) {
    let (Some(written), Some(existing)) = (written, existing) else {
        return;
    };
    for (name, value) in written {
        if value == MASK
            && is_sensitive_name(name)
            && let Some(kept) = existing.get(name)
        {
            value.clone_from(kept);
        }
    }
}

/// The place of a secret in a view: always `null`, there is nothing else it could hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WithheldSecret;

impl Serialize for WithheldSecret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_none()
    }
}

impl<'de> serde::Deserialize<'de> for WithheldSecret {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde::de::IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(entries: &[(&str, &str)]) -> Option<BTreeMap<String, String>> {
        Some(entries.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn what_was_read_can_be_written_back() {
        let existing = map(&[("Authorization", "Bearer x"), ("X-Plain", "1")]);
        let mut written = map(&[("Authorization", MASK), ("X-Plain", MASK), ("X-Token", MASK)]);
        restore(&mut written, existing.as_ref());
        let wanted = map(&[("Authorization", "Bearer x"), ("X-Plain", MASK), ("X-Token", MASK)]);
        assert_eq!(written, wanted);
    }

    #[test]
    fn names_are_compared_without_case() {
        for name in ["AUTHORIZATION", "X-Api-Key", "sasl.jaas.config", "Set-Cookie", "db.PassWord"] {
            assert!(is_sensitive_name(name), "{name}");
        }
        assert!(!is_sensitive_name("X-Region"));
    }
}
