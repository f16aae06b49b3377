use serde::Serialize;
use serde_json::{Map, Value};

/// Most rows of a page.
const PAGE_MAX: u32 = 500;

/// Which rows of a list are wanted: the body of the `filter` operations (`FilterRequest`).
#[derive(Clone, Debug, Serialize)]
pub struct Selection {
    page: u32,
    size: u32,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    sort: Vec<String>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    filters: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    search: Option<String>,
}

impl Selection {
    /// Everything, 500 rows a page.
    #[must_use]
    pub fn all() -> Self {
        Self { page: 0, size: PAGE_MAX, sort: Vec::new(), filters: Map::new(), search: None }
    }

    /// Only rows whose `field` has that value; an array means any of its items, an object
    /// `{gte, gt, lte, lt, like}` a comparison.
    #[must_use]
    pub fn filtered(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.filters.insert(field.to_owned(), value.into());
        self
    }

    /// Only rows that contain the text.
    #[must_use]
    pub fn containing(mut self, text: &str) -> Self {
        self.search = Some(text.to_owned());
        self
    }

    /// Ordered by `field,asc` or `field,desc`; earlier calls weigh more.
    #[must_use]
    pub fn sorted(mut self, by: &str) -> Self {
        self.sort.push(by.to_owned());
        self
    }

    /// Another page, counted from 0, of at most `size` rows (1 to 500).
    #[must_use]
    pub fn page(mut self, page: u32, size: u32) -> Self {
        (self.page, self.size) = (page, size);
        self
    }
}
