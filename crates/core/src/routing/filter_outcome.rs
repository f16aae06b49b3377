//! Why a filter was not accepted, and why one could not be evaluated.

/// Why an expression is refused when it is saved.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// Empty, or white space only.
    #[error("Filter expression must not be blank")]
    Blank,
    /// More than 1,000 characters.
    #[error("Filter expression must not exceed 1000 characters")]
    TooLong,
    /// It begins with `$` but is no JSONPath.
    #[error("Filter expression is not a valid JSONPath (RFC 9535): {0}")]
    JsonPath(String),
    /// It is neither `path=value` nor JSONPath, and no CEL.
    #[error("Filter expression is neither path=value nor JSONPath nor valid CEL: {0}")]
    Cel(String),
    /// Its evaluation could take too long.
    #[error("Filter expression is too complex: {0}")]
    TooComplex(&'static str),
}

/// Why an expression could not be evaluated for an event, which then does not match.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct FilterFailure {
    /// Text for the tenant; never contains the payload.
    pub reason: String,
}

impl FilterFailure {
    /// A failure for the given reason.
    pub fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into() }
    }
}
