//! An event as CEL values. Built once for all filters of an event, by hand: going through serde costs seven times as
//! much and makes whole numbers unsigned, so that `payload.n + 1` would fail.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use cel::common::types::{
    CelBool, CelDouble, CelInt, CelList, CelMap, CelMapKey, CelNull, CelString, CelUInt,
};
use cel::common::value::{CowVal, Val};
use cel::context::VariableResolver;
use cel::{Context, Env};
use serde_json::{Number, Value};

use super::event_document::EventFacts;

/// The variables expressions may read. `event` and `payload` both are the payload.
pub(super) const VARIABLES: [&str; 6] = ["payload", "event", "type", "source", "id", "headers"];

static STANDARD_LIBRARY: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib()));

/// The variables of one event as CEL values.
#[derive(Debug)]
pub(super) struct CelVariables {
    payload: Box<dyn Val>,
    event_type: Box<dyn Val>,
    source: Box<dyn Val>,
    id: Box<dyn Val>,
    headers: Box<dyn Val>,
}

impl CelVariables {
    pub(super) fn new(facts: &EventFacts<'_>, payload: &Value) -> Self {
        let headers = facts.headers.into_iter().flatten();
        let headers: HashMap<_, _> =
            headers.map(|(name, value)| (CelMapKey::from(name.clone()), text(value))).collect();
        Self {
            payload: to_val(payload),
            event_type: text(facts.event_type),
            source: text(facts.source),
            id: text(facts.id),
            headers: Box::new(CelMap::from(headers)),
        }
    }

    /// What expressions are evaluated in; it borrows the values.
    pub(super) fn context(&self) -> Context<'_, '_> {
        let mut context = Context::with_env(Arc::clone(&STANDARD_LIBRARY));
        context.set_variable_resolver(self);
        context
    }
}

impl VariableResolver for CelVariables {
    fn resolve<'b>(&'b self, variable: &str) -> Option<CowVal<'b, 'b>> {
        let value = match variable {
            "payload" | "event" => &self.payload,
            "type" => &self.event_type,
            "source" => &self.source,
            "id" => &self.id,
            "headers" => &self.headers,
            _ => return None,
        };
        Some(CowVal::Borrowed(value.as_ref()))
    }
}

fn to_val(value: &Value) -> Box<dyn Val> {
    match value {
        Value::Null => Box::new(CelNull),
        Value::Bool(boolean) => Box::new(CelBool::from(*boolean)),
        Value::Number(number) => number_val(number),
        Value::String(string) => text(string),
        Value::Array(items) => Box::new(CelList::from(items.iter().map(to_val).collect::<Vec<_>>())),
        Value::Object(members) => {
            let members = members.iter().map(|(name, value)| (CelMapKey::from(name.clone()), to_val(value)));
            Box::new(CelMap::from(members.collect::<HashMap<_, _>>()))
        }
    }
}

fn number_val(number: &Number) -> Box<dyn Val> {
    match (number.as_i64(), number.as_u64()) {
        (Some(int), _) => Box::new(CelInt::from(int)),
        (None, Some(uint)) => Box::new(CelUInt::from(uint)),
        (None, None) => Box::new(CelDouble::from(number.as_f64().unwrap_or(f64::NAN))),
    }
}

fn text(text: &str) -> Box<dyn Val> {
    Box::new(CelString::from(text.to_owned()))
}
