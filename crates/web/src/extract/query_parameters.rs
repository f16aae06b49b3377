//! The parameters of a query string.

use std::str::FromStr;

use axum::extract::FromRequestParts;
use http::request::Parts;
use serde_json::{Map, Value};

use crate::problem_response::ApiError;

/// Longest list of parameters read.
const MAX_PARAMETERS: usize = 100;

/// All parameters in their order, percent-decoded.
#[derive(Debug, Default)]
pub struct QueryParameters(Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for QueryParameters {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        Self::parse(parts.uri.query().unwrap_or_default())
    }
}

impl QueryParameters {
    /// Parses a query string; refuses control characters and more than 100 parameters.
    pub fn parse(query: &str) -> Result<Self, ApiError> {
        let pairs: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes())
            .take(MAX_PARAMETERS + 1)
            .map(|(k, v)| (k.into(), v.into()))
            .collect();
        if pairs.len() > MAX_PARAMETERS {
            let message = format!("at most {MAX_PARAMETERS} query parameters are read");
            return Err(ApiError::parameter("query", "Size", message, None));
        }
        for (name, value) in &pairs {
            if value.contains(char::is_control) || name.contains(char::is_control) {
                let name = name.replace(char::is_control, "?");
                return Err(ApiError::parameter(
                    &name,
                    "Pattern",
                    format!("{name} must not contain control characters"),
                    None,
                ));
            }
        }
        Ok(Self(pairs))
    }

    /// The first value of a parameter.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// All parameters.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// A parameter that must be there and not blank.
    pub fn required(&self, name: &str) -> Result<&str, ApiError> {
        self.get(name).filter(|value| !value.trim().is_empty()).ok_or_else(|| {
            ApiError::parameter(name, "NotBlank", format!("Query parameter '{name}' is required"), None)
        })
    }

    /// A parameter parsed, `None` if absent; `expected` completes the sentence "name must be …".
    pub fn parsed<T: FromStr>(&self, name: &str, expected: &str) -> Result<Option<T>, ApiError> {
        let Some(text) = self.get(name) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| {
            ApiError::parameter(name, "TypeMismatch", format!("{name} must be {expected}"), Some(text))
        })
    }

    /// The members of a filter request: `page`, `size`, `sort` (repeatable), `search`, and every other parameter as an
    /// equality filter (repeated: any of the values). `apart` names parameters that mean something else.
    #[must_use]
    pub fn as_filter(&self, apart: &[&str]) -> Map<String, Value> {
        let mut members = Map::new();
        let mut filters: Map<String, Value> = Map::new();
        let mut sort = Vec::new();
        for (name, value) in self.iter().filter(|(name, _)| !apart.contains(name)) {
            match name {
                "page" | "size" => {
                    members.insert(name.to_owned(), number_or_text(value));
                }
                "search" => {
                    members.insert(name.to_owned(), value.into());
                }
                "sort" => sort.push(Value::from(value)),
                _ => add_filter(&mut filters, name, value),
            }
        }
        if !sort.is_empty() {
            members.insert("sort".to_owned(), sort.into());
        }
        if !filters.is_empty() {
            members.insert("filters".to_owned(), filters.into());
        }
        members
    }
}

fn number_or_text(text: &str) -> Value {
    text.parse::<i64>().map_or_else(|_| text.into(), Value::from)
}

fn add_filter(filters: &mut Map<String, Value>, name: &str, value: &str) {
    match filters.get_mut(name) {
        None => {
            filters.insert(name.to_owned(), value.into());
        }
        Some(Value::Array(values)) => values.push(value.into()),
        Some(one) => *one = Value::Array(vec![one.take(), value.into()]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_parameters_into_a_filter_request() {
        let query = QueryParameters::parse(
            "page=2&size=x&sort=name,desc&sort=id&status=ACTIVE&status=PAUSED&cursor=q",
        )
        .expect("fine");
        assert_eq!(
            Value::Object(query.as_filter(&["cursor"])),
            serde_json::json!({"page": 2, "size": "x", "sort": ["name,desc", "id"], "filters": {"status": ["ACTIVE", "PAUSED"]}})
        );
    }

    #[test]
    fn refuses_control_characters() {
        assert!(QueryParameters::parse("a=%00").is_err());
        assert!(QueryParameters::parse("a%0A=1").is_err());
    }
}
