//! What a caller wants to see of a list: which items, in which order, which page.

use serde_json::{Map, Value};

use crate::field_errors::ValidationErrors;
use crate::field_reader::{Bounds, FieldReader};
use crate::json_body::kind_of;

/// Most items of a page.
pub const PAGE_SIZE_MAX: u32 = 500;
/// Items of a page when nothing is said.
pub const PAGE_SIZE_DEFAULT: u32 = 20;
/// Most sort keys.
pub const SORT_KEYS_MAX: usize = 10;
/// Most filtered fields.
pub const FILTERS_MAX: usize = 50;
/// Most values of an "any of" filter.
pub const ANY_OF_MAX: usize = 500;
/// Longest search text, in characters.
pub const SEARCH_MAX_CHARS: usize = 10_000;

/// A validated filter request. Which fields exist is not known here: the list that is asked refuses
/// those it does not have.
#[derive(Clone, Debug, PartialEq)]
pub struct FilterRequest {
    /// Which page, from 0.
    pub page: u32,
    /// Most items of a page, 1 to 500.
    pub size: u32,
    /// The order; items that are equal by it are ordered by id.
    pub sort: Vec<SortKey>,
    /// The conditions, all of which must hold, by field.
    pub filters: Vec<(String, FilterCondition)>,
    /// A text to look for, ignoring case; not blank.
    pub search: Option<String>,
}

/// One field to sort by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SortKey {
    /// The field, by its JSON name.
    pub field: String,
    /// Which way.
    pub direction: SortDirection,
}

/// Which way to sort.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SortDirection {
    /// Smallest first.
    #[default]
    Ascending,
    /// Largest first.
    Descending,
}

/// What must hold for a field. Values are scalars; `null` means "not set".
#[derive(Clone, Debug, PartialEq)]
pub enum FilterCondition {
    /// Equal to the value.
    Equals(Value),
    /// Equal to one of the values.
    AnyOf(Vec<Value>),
    /// Within the bounds, and like the text.
    Range(Box<FilterRange>),
}

/// Bounds of a field; at least one is set.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FilterRange {
    /// At least.
    pub gte: Option<Value>,
    /// More than.
    pub gt: Option<Value>,
    /// At most.
    pub lte: Option<Value>,
    /// Less than.
    pub lt: Option<Value>,
    /// Contains the text, ignoring case; no character is a wildcard.
    pub like: Option<String>,
}

impl Default for FilterRequest {
    fn default() -> Self {
        Self { page: 0, size: PAGE_SIZE_DEFAULT, sort: Vec::new(), filters: Vec::new(), search: None }
    }
}

impl FilterRequest {
    /// Reads a `POST …/filter` body.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn from_body(body: &Map<String, Value>) -> Result<Self, ValidationErrors> {
        let mut reader = FieldReader::new(body);
        let request = Self {
            page: read_number(&mut reader, "page", 0, &PAGE),
            size: read_number(&mut reader, "size", PAGE_SIZE_DEFAULT, &SIZE),
            sort: read_sort(&mut reader),
            filters: read_filters(&mut reader),
            search: read_search(&mut reader),
        };
        reader.finish()?;
        Ok(request)
    }

    /// Reads the query of a `GET` list: `page`, `size`, `search`, and any number of
    /// `sort=field,direction`.
    ///
    /// # Errors
    /// Everything that is wrong with it, unknown parameters included.
    pub fn from_query<'a>(
        pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, ValidationErrors> {
        let mut body = Map::new();
        let mut sort = Vec::new();
        for (name, text) in pairs {
            let value = match name {
                "sort" => {
                    sort.push(Value::from(text));
                    continue;
                }
                "page" | "size" => text.parse::<i64>().map_or_else(|_| Value::from(text), Value::from),
                "search" => Value::from(text),
                _ => {
                    let message = format!("{name} is not known; known are page, size, sort, search");
                    return Err(ValidationErrors::one(name, "Unknown", message));
                }
            };
            body.insert(name.to_owned(), value);
        }
        if !sort.is_empty() {
            body.insert("sort".to_owned(), Value::Array(sort));
        }
        Self::from_body(&body)
    }

    /// How many items come before the page.
    #[must_use]
    pub fn offset(&self) -> u64 {
        u64::from(self.page) * u64::from(self.size)
    }
}

const PAGE: Bounds<i64> = Bounds {
    min: 0,
    below: "Page must be at least 0",
    max: i32::MAX as i64,
    above: "Page must not exceed 2147483647",
};
const SIZE: Bounds<i64> = Bounds {
    min: 1,
    below: "Size must be at least 1",
    max: PAGE_SIZE_MAX as i64,
    above: "Size must not exceed 500",
};

fn read_number(reader: &mut FieldReader<'_>, name: &str, default: u32, bounds: &Bounds<i64>) -> u32 {
    reader.integer(name, bounds).and_then(|number| u32::try_from(number).ok()).unwrap_or(default)
}

fn read_sort(reader: &mut FieldReader<'_>) -> Vec<SortKey> {
    let keys = match reader.get("sort").value() {
        None => return Vec::new(),
        Some(Value::Array(keys)) if keys.len() <= SORT_KEYS_MAX => keys,
        Some(Value::Array(keys)) => {
            let message = format!("At most {SORT_KEYS_MAX} sort keys, not {}", keys.len());
            reader.fail("sort", "Size", message);
            return Vec::new();
        }
        Some(other) => {
            let message = "sort must be an array such as [\"name,asc\"]";
            reader.refuse("sort", "TypeMismatch", message, other);
            return Vec::new();
        }
    };
    let mut sort = Vec::with_capacity(keys.len());
    for (index, key) in keys.iter().enumerate() {
        match sort_key(key) {
            Some(key) => sort.push(key),
            None => {
                let message = "A sort key must be \"field\", \"field,asc\", \"field,desc\" or \
                               {\"field\": …, \"direction\": \"ASC\" or \"DESC\"}";
                reader.refuse(&format!("sort[{index}]"), "Pattern", message, key);
            }
        }
    }
    sort
}

fn sort_key(key: &Value) -> Option<SortKey> {
    let (field, direction) = match key {
        Value::String(text) => match text.split_once(',') {
            Some((field, direction)) => (field, Some(direction)),
            None => (text.as_str(), None),
        },
        Value::Object(members) => {
            let direction = match members.get("direction") {
                None | Some(Value::Null) => None,
                Some(direction) => Some(direction.as_str()?),
            };
            (members.get("field")?.as_str()?, direction)
        }
        _ => return None,
    };
    let direction = match direction.map(str::trim) {
        None => SortDirection::Ascending,
        Some(word) if word.eq_ignore_ascii_case("asc") => SortDirection::Ascending,
        Some(word) if word.eq_ignore_ascii_case("desc") => SortDirection::Descending,
        Some(_) => return None,
    };
    let field = field.trim();
    (!field.is_empty()).then(|| SortKey { field: field.to_owned(), direction })
}

fn read_filters(reader: &mut FieldReader<'_>) -> Vec<(String, FilterCondition)> {
    let Some(members) = reader.any_object("filters") else {
        return Vec::new();
    };
    if members.len() > FILTERS_MAX {
        let message = format!("At most {FILTERS_MAX} filters, not {}", members.len());
        reader.fail("filters", "Size", message);
        return Vec::new();
    }
    let mut filters = Vec::with_capacity(members.len());
    for (field, value) in members {
        match condition(&value) {
            Ok(condition) => filters.push((field, condition)),
            Err(message) => {
                reader.refuse(&format!("filters.{field}"), "TypeMismatch", message, &value);
            }
        }
    }
    filters
}

fn condition(value: &Value) -> Result<FilterCondition, String> {
    match value {
        Value::Array(items) => {
            if items.is_empty() || items.len() > ANY_OF_MAX {
                return Err(format!("An \"any of\" filter has 1 to {ANY_OF_MAX} values"));
            }
            let values: Result<Vec<Value>, String> = items.iter().map(scalar).collect();
            values.map(FilterCondition::AnyOf)
        }
        Value::Object(members) => range(members),
        _ => Ok(FilterCondition::Equals(value.clone())),
    }
}

fn range(members: &Map<String, Value>) -> Result<FilterCondition, String> {
    let mut range = FilterRange::default();
    for (operator, value) in members {
        match operator.as_str() {
            "gte" => range.gte = Some(bound(value)?),
            "gt" => range.gt = Some(bound(value)?),
            "lte" => range.lte = Some(bound(value)?),
            "lt" => range.lt = Some(bound(value)?),
            "like" => {
                let text = value.as_str().ok_or("like takes a string")?;
                range.like = Some(text.to_owned());
            }
            _ => {
                return Err(format!("{operator} is no operator; known are gte, gt, lte, lt, like"));
            }
        }
    }
    if range == FilterRange::default() {
        return Err("A filter object needs one of gte, gt, lte, lt, like".to_owned());
    }
    Ok(FilterCondition::Range(Box::new(range)))
}

fn scalar(value: &Value) -> Result<Value, String> {
    match value {
        Value::Array(_) | Value::Object(_) => {
            Err(format!("A value to compare with is a scalar, not {}", kind_of(value)))
        }
        _ => Ok(value.clone()),
    }
}

fn bound(value: &Value) -> Result<Value, String> {
    match value {
        Value::Number(_) | Value::String(_) => Ok(value.clone()),
        _ => Err(format!("A bound is a number or a string, not {}", kind_of(value))),
    }
}

fn read_search(reader: &mut FieldReader<'_>) -> Option<String> {
    let size = crate::field_reader::Size {
        min: 0,
        max: SEARCH_MAX_CHARS,
        message: "Search must not exceed 10000 characters",
    };
    reader.text("search", &size).filter(|text| !text.trim().is_empty())
}
