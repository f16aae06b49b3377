use reqwest::header::LINK;
use serde::de::DeserializeOwned;
use url::Url;

use super::connection::Answer;
use crate::error::ClientError;

/// Rows, newest first, and where the next ones begin.
#[derive(Clone, Debug)]
pub struct Linked<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// The `cursor` parameter of the next call (for tenants, `after`); `None` when these were the last.
    pub next: Option<String>,
}

impl<T: DeserializeOwned> Linked<T> {
    pub(crate) fn of(answer: &Answer) -> Result<Self, ClientError> {
        let link = answer.headers.get(LINK).and_then(|value| value.to_str().ok());
        Ok(Self { rows: answer.json()?, next: link.and_then(cursor) })
    }
}

/// The cursor of a `Link: <…?cursor=…>; rel="next"` header; lists in the order of their ids name it `after`.
fn cursor(link: &str) -> Option<String> {
    let (target, _) = link.strip_prefix('<')?.split_once(">; rel=\"next\"")?;
    // The target is relative; only its query is of interest.
    let url = Url::parse("http://any/").ok()?.join(target).ok()?;
    url.query_pairs()
        .find(|(name, _)| name == "cursor" || name == "after")
        .map(|(_, value)| value.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cursor_is_taken_from_the_link() {
        assert_eq!(cursor("</api/v1/events?limit=5&cursor=a%2Bb>; rel=\"next\"").as_deref(), Some("a+b"));
        assert_eq!(cursor("</api/v1/events?limit=5>; rel=\"prev\""), None);
    }
}
