//! Which of the two error shapes a caller wants, read from its `Accept` header.

use http::HeaderValue;

/// The two shapes an error can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorShape {
    /// `application/json`: the ErrorResponse of the Firefly contract. The default.
    ErrorResponse,
    /// `application/problem+json`, RFC 9457.
    Problem,
}

impl ErrorShape {
    /// The shape for this `Accept` value: problem+json as soon as one accepted range covers it (`application/problem+json`,
    /// `application/*+json`, `application/*`, `*/*`, quality above 0), otherwise ErrorResponse. This is the rule of the
    /// Firefly contract, where `*/*` counts as compatible.
    #[must_use]
    pub fn wanted(accept: Option<&HeaderValue>) -> Self {
        let Some(text) = accept.and_then(|value| value.to_str().ok()) else {
            return Self::ErrorResponse;
        };
        if text.split(',').any(covers_problem) { Self::Problem } else { Self::ErrorResponse }
    }

    /// The value of `Content-Type` for this shape.
    #[must_use]
    pub fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::ErrorResponse => "application/json",
            Self::Problem => "application/problem+json",
        })
    }
}

fn covers_problem(range: &str) -> bool {
    let mut parts = range.split(';').map(str::trim);
    let media = parts.next().unwrap_or_default().to_ascii_lowercase();
    let refused = parts.any(|parameter| {
        parameter
            .split_once('=')
            .is_some_and(|(name, value)| name.trim().eq_ignore_ascii_case("q") && is_zero(value.trim()))
    });
    !refused
        && matches!(
            media.as_str(),
            "application/problem+json" | "application/*+json" | "application/*" | "*/*"
        )
}

fn is_zero(quality: &str) -> bool {
    quality.parse::<f32>().is_ok_and(|q| q <= 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(text: &'static str) -> ErrorShape {
        ErrorShape::wanted(Some(&HeaderValue::from_static(text)))
    }

    #[test]
    fn json_or_nothing_gets_the_contract_shape() {
        assert_eq!(ErrorShape::wanted(None), ErrorShape::ErrorResponse);
        assert_eq!(wanted("application/json"), ErrorShape::ErrorResponse);
        assert_eq!(wanted("text/html, application/json;q=0.9"), ErrorShape::ErrorResponse);
        assert_eq!(wanted("application/problem+json;q=0"), ErrorShape::ErrorResponse);
        assert_eq!(wanted(""), ErrorShape::ErrorResponse);
    }

    #[test]
    fn whatever_covers_problem_json_gets_it() {
        for text in [
            "application/problem+json",
            "APPLICATION/Problem+JSON; charset=utf-8",
            "application/*",
            "*/*",
            "application/json, text/plain, */*;q=0.1",
        ] {
            assert_eq!(wanted(text), ErrorShape::Problem, "{text}");
        }
    }
}
