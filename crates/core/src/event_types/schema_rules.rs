//! Which JSON Schemas are taken: those whose evaluation has a known bound. A reference leads to another place of the same
//! schema and never back to itself; followed through all references, a schema has at most [`PLACES_MAX`] subschemas.
//! Without these rules forty small definitions, each naming the next one twice, would keep a processor busy for ever.

use std::collections::HashMap;

use serde_json::{Map, Value};

/// Longest schema, in bytes of its JSON text.
pub(super) const BYTES_MAX: usize = 64 * 1024;
/// Most subschemas, references followed.
pub(super) const PLACES_MAX: u64 = 2000;
/// Deepest nesting of subschemas, references followed.
const DEPTH_MAX: usize = 64;
/// Dialects read; without `$schema` it is the last.
const DIALECTS: &[&str] = &[
    "http://json-schema.org/draft-06/schema",
    "http://json-schema.org/draft-07/schema",
    "https://json-schema.org/draft/2019-09/schema",
    "https://json-schema.org/draft/2020-12/schema",
];

/// Keywords whose value is a schema.
const ONE: &[&str] = &[
    "additionalItems",
    "additionalProperties",
    "contains",
    "contentSchema",
    "else",
    "if",
    "items",
    "not",
    "propertyNames",
    "then",
    "unevaluatedItems",
    "unevaluatedProperties",
];
/// Keywords whose value is an array of schemas; `items` is one in older dialects.
const LIST: &[&str] = &["allOf", "anyOf", "items", "oneOf", "prefixItems"];
/// Keywords whose value is an object of schemas that are evaluated.
const MEMBERS: &[&str] = &["dependencies", "dependentSchemas", "patternProperties", "properties"];

/// How many places of the schema one evaluation may visit.
///
/// # Errors
/// A sentence that says what is wrong and where.
pub(super) fn places(schema: &Value) -> Result<u64, String> {
    if schema.to_string().len() > BYTES_MAX {
        return Err(format!("The schema must not exceed {BYTES_MAX} bytes"));
    }
    match schema {
        Value::Bool(_) => return Ok(1),
        Value::Object(members) => dialect(members)?,
        _ => return Err("A JSON Schema is an object, or true or false".to_owned()),
    }
    Walk { root: schema, known: HashMap::new(), path: Vec::new() }.count(schema, "")
}

fn dialect(members: &Map<String, Value>) -> Result<(), String> {
    let named = match members.get("$schema") {
        None => return Ok(()),
        Some(Value::String(uri)) => uri.trim_end_matches('#'),
        Some(_) => return Err("$schema must be a text".to_owned()),
    };
    if DIALECTS.contains(&named) {
        return Ok(());
    }
    Err(format!("$schema names {named}, which is not read here; use one of {}", DIALECTS.join(", ")))
}

struct Walk<'a> {
    root: &'a Value,
    /// Places below a pointer, once counted.
    known: HashMap<String, u64>,
    /// The references being followed.
    path: Vec<String>,
}

impl<'a> Walk<'a> {
    /// Counts what lies below a schema at `pointer`.
    fn count(&mut self, schema: &'a Value, pointer: &str) -> Result<u64, String> {
        let Value::Object(members) = schema else { return Ok(1) };
        if pointer.matches('/').count() > DEPTH_MAX * 2 || self.path.len() > DEPTH_MAX {
            return Err(format!("The schema is nested more than {DEPTH_MAX} deep"));
        }
        let mut total = 1_u64;
        self.refuse_other_bases(members, pointer)?;
        if let Some(Value::String(reference)) = members.get("$ref") {
            total = total.saturating_add(self.follow(reference)?);
        }
        for (keyword, value) in members {
            let below = format!("{pointer}/{}", escaped(keyword));
            match value {
                Value::Object(_) if ONE.contains(&keyword.as_str()) => {
                    total = total.saturating_add(self.count(value, &below)?);
                }
                Value::Array(schemas) if LIST.contains(&keyword.as_str()) => {
                    for (index, schema) in schemas.iter().enumerate() {
                        total = total.saturating_add(self.count(schema, &format!("{below}/{index}"))?);
                    }
                }
                Value::Object(schemas) if MEMBERS.contains(&keyword.as_str()) => {
                    for (name, schema) in schemas {
                        let below = format!("{below}/{}", escaped(name));
                        total = total.saturating_add(self.count(schema, &below)?);
                    }
                }
                _ => {}
            }
            if total > PLACES_MAX {
                return Err(format!(
                    "With its references followed, the schema has more than {PLACES_MAX} subschemas"
                ));
            }
        }
        Ok(total)
    }

    /// An `$id` below the root would move what references are relative to, and a dynamic reference is known only when
    /// it is followed: neither could be counted.
    fn refuse_other_bases(&self, members: &Map<String, Value>, pointer: &str) -> Result<(), String> {
        for keyword in ["$dynamicRef", "$recursiveRef"] {
            if members.contains_key(keyword) {
                return Err(format!(
                    "{keyword} at #{pointer} is not supported; use $ref to a place in the schema"
                ));
            }
        }
        if !pointer.is_empty() && members.get("$id").is_some_and(Value::is_string) {
            return Err(format!("$id at #{pointer} is not supported; only the schema itself may have one"));
        }
        Ok(())
    }

    fn follow(&mut self, reference: &str) -> Result<u64, String> {
        let Some(fragment) = reference.strip_prefix('#') else {
            return Err(format!(
                "$ref {reference:?} leads out of the schema; nothing is fetched, so copy what it names into $defs"
            ));
        };
        let named = percent_decoded(fragment);
        let place = if named.is_empty() || named.starts_with('/') {
            self.root.pointer(&named)
        } else {
            anchored(self.root, &named)
        };
        let place = place.ok_or_else(|| format!("$ref {reference:?} leads nowhere"))?;
        if self.path.contains(&named) || named.is_empty() {
            return Err(format!(
                "$ref {reference:?} leads back to itself; recursive schemas are not supported"
            ));
        }
        if let Some(known) = self.known.get(&named) {
            return Ok(*known);
        }
        self.path.push(named.clone());
        // Where an anchor stands does not matter here: only its being below the root does.
        let pointer = if named.starts_with('/') { named.clone() } else { format!("/{named}") };
        let count = self.count(place, &pointer)?;
        self.path.pop();
        self.known.insert(named, count);
        Ok(count)
    }
}

fn escaped(token: &str) -> String {
    token.replace('~', "~0").replace('/', "~1")
}

fn percent_decoded(fragment: &str) -> String {
    percent_encoding::percent_decode_str(fragment).decode_utf8_lossy().into_owned()
}

/// The schema with this `$anchor`, wherever it stands.
fn anchored<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    match value {
        Value::Object(members) => {
            if members.get("$anchor").and_then(Value::as_str) == Some(name) {
                return Some(value);
            }
            members.values().find_map(|member| anchored(member, name))
        }
        Value::Array(items) => items.iter().find_map(|item| anchored(item, name)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn plain_schemas_are_counted_with_their_references() {
        assert_eq!(places(&json!(true)), Ok(1));
        let schema = json!({
            "$schema": "http://json-schema.org/draft-07/schema#",
            "properties": {"a": {"$ref": "#/$defs/b"}, "c": {"$ref": "#x"}, "$ref": {"type": "string"}},
            "$defs": {"b": {"items": {"type": "string"}}, "d": {"$anchor": "x"}},
            "const": {"$ref": "https://not.a/reference"},
        });
        // The root, a, b, its items, c, d, and the property called $ref.
        assert_eq!(places(&schema), Ok(7));
    }

    #[test]
    fn what_cannot_be_bounded_is_refused_with_its_place() {
        let mut explosion = json!({"$ref": "#/$defs/a0", "$defs": {}});
        for n in 0..40 {
            let next = format!("#/$defs/a{}", n + 1);
            explosion["$defs"][format!("a{n}")] = json!({"anyOf": [{"$ref": next}, {"$ref": next}]});
        }
        explosion["$defs"]["a40"] = json!({"type": "string"});
        for (schema, message) in [
            (json!(3), "an object"),
            (json!({"$schema": "http://json-schema.org/draft-03/schema#"}), "draft-03"),
            (json!({"$ref": "https://example.com/a.json"}), "leads out of the schema"),
            (json!({"properties": {"a": {"$ref": "other.json#/b"}}}), "leads out of the schema"),
            (json!({"$ref": "#/$defs/none"}), "leads nowhere"),
            (json!({"$ref": "#"}), "leads back to itself"),
            (json!({"$defs": {"a": {"items": {"$ref": "#/$defs/a"}}}, "$ref": "#/$defs/a"}), "leads back"),
            (json!({"$dynamicRef": "#a"}), "$dynamicRef"),
            (json!({"properties": {"a": {"$id": "https://b.example/"}}}), "$id at #/properties/a"),
            (explosion, "more than 2000 subschemas"),
            (json!({"description": "x".repeat(BYTES_MAX)}), "must not exceed"),
        ] {
            let refusal = places(&schema).expect_err("refused");
            assert!(refusal.contains(message), "{refusal}");
        }
    }
}
