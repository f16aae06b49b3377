//! What can go wrong in the management of resources, without a word about HTTP.

use std::time::Duration;

use callbacks_interfaces::field_errors::ValidationErrors;
use callbacks_models::error::{FilterError, StoreError};

/// How long a caller should wait before it asks again when the database is away.
const DATABASE_RETRY_AFTER: Duration = Duration::from_secs(2);

/// Why a management call did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum ManagementError {
    /// Fields break their rules.
    #[error("invalid fields")]
    Invalid(ValidationErrors),
    /// There is no such thing for this caller.
    #[error("{what} not found: {id}")]
    NotFound {
        /// Kind of thing, for people.
        what: &'static str,
        /// How it was named.
        id: String,
    },
    /// The change contradicts what is stored.
    #[error("{0}")]
    Conflict(String),
    /// The caller may not.
    #[error("{0}")]
    Forbidden(String),
    /// The database cannot be reached.
    #[error("the database is unavailable")]
    Unavailable {
        /// When trying again makes sense.
        retry_after: Duration,
    },
    /// The engine takes no more at the moment.
    #[error("overloaded")]
    Overloaded {
        /// When trying again makes sense.
        retry_after: Duration,
    },
    /// A fault of ours; logged where it was found.
    #[error("internal error")]
    Internal,
}

impl ManagementError {
    /// One broken field.
    #[must_use]
    pub fn field(field: &str, code: &str, message: impl Into<String>) -> Self {
        Self::Invalid(ValidationErrors::one(field, code, message))
    }

    /// Nothing there under this id.
    #[must_use]
    pub fn not_found(what: &'static str, id: &(impl ToString + ?Sized)) -> Self {
        Self::NotFound { what, id: id.to_string() }
    }
}

impl From<ValidationErrors> for ManagementError {
    fn from(errors: ValidationErrors) -> Self {
        Self::Invalid(errors)
    }
}

impl From<StoreError> for ManagementError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) => Self::Unavailable { retry_after: DATABASE_RETRY_AFTER },
            StoreError::Conflict { constraint } => {
                tracing::info!(constraint, "a write contradicted a constraint");
                Self::Conflict("The change conflicts with what is stored".to_owned())
            }
            StoreError::Corrupt(_) | StoreError::Unsuitable(_) | StoreError::Database(_) => {
                tracing::error!(%error, "a database operation failed");
                Self::Internal
            }
        }
    }
}

impl From<FilterError> for ManagementError {
    fn from(error: FilterError) -> Self {
        match error {
            FilterError::Invalid(errors) => Self::Invalid(errors),
            FilterError::Store(error) => error.into(),
        }
    }
}
