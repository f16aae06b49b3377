//! An entry of the catalogue of event types as a caller wants it: the validated form of a write. Whether the schema is
//! one, and the example as it says, is for the floor above to judge.

use serde_json::{Map, Value};

use crate::configuration_draft::as_members;
use crate::configuration_rules::{DESCRIPTION, read_tenant};
use crate::event_type::EventType;
use crate::event_type_entry::EventTypeEntry;
use crate::field_errors::ValidationErrors;
use crate::field_reader::FieldReader;
use crate::tenant::TenantId;

/// Longest example, in bytes of its JSON text.
pub const EXAMPLE_MAX_BYTES: usize = 64 * 1024;

/// Everything a caller may decide about an event type.
#[derive(Clone, Debug, PartialEq)]
pub struct EventTypeDraft {
    /// The type, as events name it.
    pub name: EventType,
    /// What has happened when such an event is sent.
    pub description: Option<String>,
    /// What should be a JSON Schema of the payload.
    pub schema: Option<Value>,
    /// A payload as it may be sent.
    pub example: Option<Value>,
    /// The tenant the body names; the caller's credential decides whether it may.
    pub tenant_id: Option<TenantId>,
}

impl EventTypeDraft {
    /// A new entry (POST).
    ///
    /// # Errors
    /// Everything that is wrong with the body.
    pub fn create(body: &Map<String, Value>) -> Result<Self, ValidationErrors> {
        read(body)
    }

    /// All fields anew (PUT): omitted fields are cleared, an omitted name stays.
    ///
    /// # Errors
    /// Everything that is wrong with the body.
    pub fn replace(existing: &EventTypeEntry, body: &Map<String, Value>) -> Result<Self, ValidationErrors> {
        let mut body = body.clone();
        body.entry("name").or_insert_with(|| existing.name.as_str().into());
        read(&body)
    }

    /// Some fields anew (PATCH): absent keeps, `null` clears.
    ///
    /// # Errors
    /// Everything that is wrong with the result.
    pub fn patched(existing: &EventTypeEntry, body: &Map<String, Value>) -> Result<Self, ValidationErrors> {
        let mut merged = as_members(existing);
        merged.extend(body.clone());
        read(&merged)
    }
}

fn read(body: &Map<String, Value>) -> Result<EventTypeDraft, ValidationErrors> {
    let mut reader = FieldReader::new(body);
    let r = &mut reader;
    if r.get("name").value().is_none() {
        r.fail("name", "NotBlank", "Name is required");
    }
    let name = r.parsed("name", "Pattern", |text| EventType::try_from(text));
    let description = r.text("description", &DESCRIPTION);
    let schema = r.get("schema").value().cloned();
    let example = r.get("example").value().cloned();
    if example.as_ref().is_some_and(|example| example.to_string().len() > EXAMPLE_MAX_BYTES) {
        r.fail("example", "Size", format!("The example must not exceed {EXAMPLE_MAX_BYTES} bytes"));
    }
    let tenant_id = read_tenant(r);
    reader.finish()?;
    let name = name.ok_or_else(|| ValidationErrors::one("name", "NotBlank", "Name is required"))?;
    Ok(EventTypeDraft { name, description, schema, example, tenant_id })
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use time::OffsetDateTime;

    use super::*;
    use crate::ids::EventTypeId;

    fn object(value: Value) -> Map<String, Value> {
        let Value::Object(members) = value else { unreachable!("an object") };
        members
    }

    fn existing() -> EventTypeEntry {
        EventTypeEntry {
            id: EventTypeId::now_v7(),
            tenant_id: TenantId::default_tenant(),
            name: EventType::try_from("order.created").expect("a type"),
            description: Some("Somebody bought something".to_owned()),
            schema: Some(json!({"type": "object"})),
            example: Some(json!({"n": 1})),
            created_at: OffsetDateTime::UNIX_EPOCH,
            updated_at: OffsetDateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn absent_keeps_and_null_clears() {
        let before = existing();
        let patched = EventTypeDraft::patched(&before, &object(json!({"schema": null}))).expect("valid");
        assert_eq!((patched.schema, &patched.description), (None, &before.description));
        let replaced = EventTypeDraft::replace(&before, &object(json!({"example": 1}))).expect("valid");
        assert_eq!(replaced.name, before.name);
        assert_eq!((replaced.description, replaced.schema, replaced.example), (None, None, Some(json!(1))));
    }

    #[test]
    fn every_wrong_field_is_named() {
        let body = json!({"name": "a\nb", "description": 1, "example": "x".repeat(EXAMPLE_MAX_BYTES)});
        let errors = EventTypeDraft::create(&object(body)).expect_err("refused").0;
        let fields: Vec<&str> = errors.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(fields, ["name", "description", "example"]);
        let nameless = EventTypeDraft::create(&Map::new()).expect_err("refused").0;
        assert_eq!(nameless[0].message, "Name is required");
    }
}
