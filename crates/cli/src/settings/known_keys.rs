use std::collections::BTreeMap;

use config::{Config, File, FileFormat, Value, ValueKind};

use super::error::SettingsError;

/// The embedded defaults: the list of settings, their kinds, and their documentation.
pub(super) const DEFAULTS: &str = include_str!("../../../../config/default.toml");

/// Every setting by its dotted key (`server.port`), with the default.
pub(super) fn defaults() -> Result<BTreeMap<String, Value>, SettingsError> {
    parse(DEFAULTS).map_err(|error| SettingsError::Unreadable(error.to_string()))
}

/// Reads TOML into dotted keys.
pub(super) fn parse(toml: &str) -> Result<BTreeMap<String, Value>, config::ConfigError> {
    let root = Config::builder().add_source(File::from_str(toml, FileFormat::Toml)).build()?.cache;
    let mut keys = BTreeMap::new();
    flatten(String::new(), root, &mut keys);
    Ok(keys)
}

fn flatten(path: String, value: Value, keys: &mut BTreeMap<String, Value>) {
    match value.kind {
        ValueKind::Table(table) => {
            for (name, inner) in table {
                let path = if path.is_empty() { name } else { format!("{path}.{name}") };
                flatten(path, inner, keys);
            }
        }
        kind => {
            keys.insert(path, Value::new(None, kind));
        }
    }
}

/// The known key that differs least from `wrong`, for the error text.
pub(super) fn nearest<'a>(wrong: &str, known: impl Iterator<Item = &'a String>) -> String {
    known.min_by_key(|key| edits(wrong, key)).cloned().unwrap_or_default()
}

/// Levenshtein's distance.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_counted() {
        assert_eq!(edits("kitten", "sitting"), 3);
        assert_eq!(edits("", "abc"), 3);
        assert_eq!(edits("same", "same"), 0);
    }

    #[test]
    fn the_nearest_key_is_named() {
        let known = defaults().expect("the defaults parse");
        assert_eq!(nearest("server.prot", known.keys()), "server.port");
        assert_eq!(nearest("egress.allowed_network", known.keys()), "egress.allowed_networks");
    }
}
