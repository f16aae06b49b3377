//! Deep paging by cursor: reads where to continue, writes the link that continues.

use callbacks_core::management::position::Position;
use http::Uri;

use crate::extract::query_parameters::QueryParameters;
use crate::problem_response::ApiError;

/// Where to start and how many rows to answer: `cursor` and `limit` (default and most: `max`).
pub(crate) fn position(query: &QueryParameters, max: usize) -> Result<Position, ApiError> {
    let expected = format!("a whole number from 1 to {max}");
    let limit: usize = query.parsed("limit", &expected)?.unwrap_or(max);
    if limit == 0 || limit > max {
        let code = if limit == 0 { "Min" } else { "Max" };
        return Err(ApiError::parameter(
            "limit",
            code,
            format!("limit must be {expected}"),
            query.get("limit"),
        ));
    }
    let before = query.parsed("cursor", "a cursor taken from a Link header or a 'next' member")?;
    Ok(Position { before, limit })
}

/// The same request, continued after `cursor`.
pub(crate) fn next_link(uri: &Uri, cursor: &str) -> String {
    let mut pairs = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()) {
        if name != "cursor" {
            pairs.append_pair(&name, &value);
        }
    }
    pairs.append_pair("cursor", cursor);
    format!("{}?{}", uri.path(), pairs.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_link_keeps_the_other_parameters() {
        let uri: Uri =
            "/api/v1/callback-executions/by-status?status=SUCCESS&cursor=old&limit=5".parse().expect("uri");
        assert_eq!(
            next_link(&uri, "n w"),
            "/api/v1/callback-executions/by-status?status=SUCCESS&limit=5&cursor=n+w"
        );
    }
}
