//! A replay: events of a time range delivered to one configuration again.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use time::OffsetDateTime;

use crate::callback_execution::ExecutionStatus;
use crate::event_pattern::EventPattern;
use crate::field_errors::ValidationErrors;
use crate::field_reader::{Bounds, FieldReader};
use crate::ids::{ConfigurationId, ReplayId};
use crate::named_enum::{NamedEnum as _, named_enum};
use crate::tenant::TenantId;

named_enum! {
    /// How far a replay is.
    pub enum ReplayState {
        /// Deliveries are being queued.
        Running = "RUNNING",
        /// All are queued.
        Done = "DONE",
        /// Somebody stopped it; what was queued until then is delivered.
        Cancelled = "CANCELLED",
    }
}

/// A replay as the API shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Replay {
    /// Assigned by the service.
    pub id: ReplayId,
    /// Where the events go.
    pub configuration_id: ConfigurationId,
    /// Whose they are.
    pub tenant_id: TenantId,
    /// How far it is.
    pub state: ReplayState,
    /// Events accepted at or after it.
    #[serde(with = "crate::instant")]
    pub from: OffsetDateTime,
    /// Events accepted before it.
    #[serde(with = "crate::instant")]
    pub to: OffsetDateTime,
    /// Event types, `*` being any run of characters; all when `null`.
    pub types: Option<Vec<String>>,
    /// What the delivery had come to; all when `null`.
    pub statuses: Option<Vec<ExecutionStatus>>,
    /// Deliveries queued a second.
    pub per_second: i32,
    /// Deliveries queued so far.
    pub queued: i64,
    /// When it was asked for.
    #[serde(with = "crate::instant")]
    pub created_at: OffsetDateTime,
    /// When its last page was queued.
    #[serde(with = "crate::instant")]
    pub updated_at: OffsetDateTime,
    /// When it was done or cancelled.
    #[serde(with = "crate::instant::option")]
    pub finished_at: Option<OffsetDateTime>,
}

/// How many deliveries a replay would queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct ReplayEstimate {
    /// Deliveries found, counted up to 100,000.
    pub matched: i64,
    /// True when there are more than that.
    pub more: bool,
}

/// What to replay, validated.
#[derive(Clone, Debug, PartialEq)]
pub struct ReplayDraft {
    /// Events accepted at or after it.
    pub from: OffsetDateTime,
    /// Events accepted before it; `None` = until now.
    pub to: Option<OffsetDateTime>,
    /// Event types; all when `None`.
    pub types: Option<Vec<EventPattern>>,
    /// What the delivery had come to; all when `None`.
    pub statuses: Option<Vec<ExecutionStatus>>,
    /// Deliveries queued a second, 1 to 1000.
    pub per_second: i32,
    /// Whether only to count.
    pub dry_run: bool,
}

impl ReplayDraft {
    /// Reads a request for a replay.
    ///
    /// # Errors
    /// Everything that is wrong with the body.
    pub fn create(body: &Map<String, Value>) -> Result<Self, ValidationErrors> {
        let mut reader = FieldReader::new(body);
        let r = &mut reader;
        if r.get("from").value().is_none() {
            r.fail("from", "NotNull", "from is required: an instant such as 2026-01-31T12:00:00Z");
        }
        let from = r.instant("from");
        let to = r.instant("to");
        if from.zip(to).is_some_and(|(from, to)| from >= to) {
            r.fail("to", "Min", "to must be later than from");
        }
        let types = r.parsed_texts("types", |text| EventPattern::try_from(text));
        let statuses = r.parsed_texts("statuses", |text| {
            ExecutionStatus::from_name(text)
                .ok_or_else(|| format!("{text:?} is not one of {}", ExecutionStatus::allowed_names()))
        });
        let per_second = r.int32("perSecond", 100, &PER_SECOND);
        let dry_run = r.flag_or_false("dryRun");
        reader.finish()?;
        let from = from.ok_or_else(|| ValidationErrors::one("from", "NotNull", "from is required"))?;
        let types = types.filter(|types| !types.is_empty());
        let statuses = statuses.filter(|statuses| !statuses.is_empty());
        Ok(Self { from, to, types, statuses, per_second, dry_run })
    }
}

const PER_SECOND: Bounds<i64> = Bounds {
    min: 1,
    below: "perSecond must be at least 1",
    max: 1000,
    above: "perSecond must not exceed 1000",
};

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(body: Value) -> Result<ReplayDraft, ValidationErrors> {
        let Value::Object(members) = body else { unreachable!("an object") };
        ReplayDraft::create(&members)
    }

    #[test]
    fn defaults_and_refusals() {
        let draft = read(json!({"from": "2026-01-31T12:00:00Z", "types": []})).expect("valid");
        assert_eq!((draft.per_second, draft.dry_run, draft.types, draft.to), (100, false, None, None));
        for (body, field) in [
            (json!({}), "from"),
            (json!({"from": "yesterday"}), "from"),
            (json!({"from": "2026-01-31T12:00:00Z", "to": "2026-01-31T12:00:00Z"}), "to"),
            (json!({"from": "2026-01-31T12:00:00Z", "statuses": ["LOST"]}), "statuses[0]"),
            (json!({"from": "2026-01-31T12:00:00Z", "types": [" "]}), "types[0]"),
            (json!({"from": "2026-01-31T12:00:00Z", "perSecond": 0}), "perSecond"),
        ] {
            let errors = read(body.clone()).expect_err("refused").0;
            assert!(errors.iter().any(|error| error.field == field), "{body}: {errors:?}");
        }
    }
}
