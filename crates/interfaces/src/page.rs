//! One page of a list.

use serde::{Deserialize, Serialize};

/// A page of items with where it stands among all of them. The contract's `PaginationResponse`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Page<T> {
    /// The items.
    pub content: Vec<T>,
    /// Which page this is, from 0.
    pub page: u32,
    /// Most items of a page.
    pub size: u32,
    /// Items on all pages.
    pub total_elements: u64,
    /// Pages that have an item.
    pub total_pages: u64,
    /// Whether this is the first page, or there is nothing at all.
    pub first: bool,
    /// Whether no page with an item comes after this one.
    pub last: bool,
    /// Items on this page.
    pub number_of_elements: usize,
    /// Whether this page has no item.
    pub empty: bool,
}

impl<T> Page<T> {
    /// A page with its arithmetic. `size` counts as at least 1.
    #[must_use]
    pub fn new(content: Vec<T>, page: u32, size: u32, total_elements: u64) -> Self {
        let total_pages = total_elements.div_ceil(u64::from(size.max(1)));
        Self {
            page,
            size,
            total_elements,
            total_pages,
            first: page == 0 || total_elements == 0,
            last: u64::from(page) + 1 >= total_pages,
            number_of_elements: content.len(),
            empty: content.is_empty(),
            content,
        }
    }

    /// The same page with every item turned into another.
    #[must_use]
    pub fn map<U>(self, into: impl FnMut(T) -> U) -> Page<U> {
        Page {
            content: self.content.into_iter().map(into).collect(),
            page: self.page,
            size: self.size,
            total_elements: self.total_elements,
            total_pages: self.total_pages,
            first: self.first,
            last: self.last,
            number_of_elements: self.number_of_elements,
            empty: self.empty,
        }
    }
}
