use anyhow::{Context as _, bail};
use serde_json::Value;

/// Longest file that is read, in bytes.
pub(super) const DOCUMENT_MAX: usize = 16 << 20;

/// Reads YAML or JSON, and puts in what the environment says: a text that is exactly `${NAME}` becomes the value of that
/// variable, so that secrets need not stand in the file.
pub(super) fn parse(text: &str, variable: &dyn Fn(&str) -> Option<String>) -> anyhow::Result<Value> {
    let mut document = match serde_json::from_str(text) {
        Ok(document) => document,
        // JSON's complaint helps only those who wrote JSON.
        Err(error) if text.trim_start().starts_with(['{', '[']) => {
            serde_saphyr::from_str(text).map_err(|_| error).context("the file is not valid JSON")?
        }
        Err(_) => serde_saphyr::from_str(text).context("the file is not valid YAML")?,
    };
    substitute(&mut document, variable)?;
    Ok(document)
}

fn substitute(value: &mut Value, variable: &dyn Fn(&str) -> Option<String>) -> anyhow::Result<()> {
    match value {
        Value::String(text) => {
            if let Some(name) = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')) {
                let Some(found) = variable(name) else {
                    bail!("the file refers to ${{{name}}}, which is not set in the environment");
                };
                *text = found;
            }
            Ok(())
        }
        Value::Array(items) => items.iter_mut().try_for_each(|item| substitute(item, variable)),
        Value::Object(members) => members.values_mut().try_for_each(|member| substitute(member, variable)),
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn environment(name: &str) -> Option<String> {
        (name == "KEY").then(|| "canary".to_owned())
    }

    #[test]
    fn yaml_and_json_are_the_same() {
        let yaml = "a:\n  - b: 1\n    secret: ${KEY}\n  - '2'\non: true\n";
        let json = r#"{"a": [{"b": 1, "secret": "${KEY}"}, "2"], "on": true}"#;
        let expected = json!({"a": [{"b": 1, "secret": "canary"}, "2"], "on": true});
        for text in [yaml, json] {
            assert_eq!(parse(text, &environment).expect("valid"), expected);
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        let error = parse("secret: ${OTHER}", &environment).expect_err("not set").to_string();
        assert!(error.contains("${OTHER}"), "{error}");
        for text in ["{\"a\": ", "a: [", "a: 1\na: 2", "*unknown"] {
            assert!(parse(text, &environment).is_err(), "{text}");
        }
    }
}
