//! What can go wrong between this process and PostgreSQL, reduced to what callers decide by.

use callbacks_interfaces::field_errors::ValidationErrors;

use crate::secret_column::SecretError;

/// What is behind a failure.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// A failed database operation.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be used now (connection, time limit, restart, read-only, full disk, lost deadlock).
    /// Whether the statement took effect is unknown; the same call may be repeated later.
    #[error("the database is unavailable: {0}")]
    Unavailable(#[source] Cause),
    /// A unique or check constraint refused the write.
    #[error("the write conflicts with constraint {constraint}")]
    Conflict {
        /// Name of the constraint, or empty where the database named none.
        constraint: String,
    },
    /// A stored row does not hold what its column promises.
    #[error("a stored row is corrupt: {0}")]
    Corrupt(String),
    /// The database is not set up for the service; says what an administrator is to do.
    #[error("the database cannot be used as it is: {0}")]
    Unsuitable(String),
    /// Anything else: a defect of this service.
    #[error("database error: {0}")]
    Database(#[source] sqlx::Error),
}

/// Why a filtered list could not be answered.
#[derive(Debug, thiserror::Error)]
pub enum FilterError {
    /// It names a field the list does not have, or compares one with a value of another kind.
    #[error("the filter is not valid: {0}")]
    Invalid(ValidationErrors),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for FilterError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<SecretError> for StoreError {
    fn from(error: SecretError) -> Self {
        Self::corrupt("encrypted column", error)
    }
}

impl StoreError {
    /// A row whose `column` could not be read, because of `reason`.
    pub(crate) fn corrupt(column: &str, reason: impl std::fmt::Display) -> Self {
        Self::Corrupt(format!("{column}: {reason}"))
    }

    /// True when the same call may succeed later without any change.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }

    /// True when constraint `name` refused the write.
    #[must_use]
    pub fn violates(&self, name: &str) -> bool {
        matches!(self, Self::Conflict { constraint } if constraint == name)
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::Protocol(_) => Self::Unavailable(error.into()),
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => Self::Corrupt(error.to_string()),
            sqlx::Error::Database(database) => {
                let code = database.code().unwrap_or_default();
                // A row that was routed to the default partition while its day's partition was being attached breaks a
                // nameless partition constraint; the same statement finds the right partition the next time.
                let partition_moved = code == "23514" && database.constraint().is_none();
                if partition_moved || means_unavailable(&code) {
                    Self::Unavailable(error.into())
                } else if code.starts_with("23") {
                    let constraint = database.constraint().unwrap_or_default().to_owned();
                    Self::Conflict { constraint }
                } else {
                    Self::Database(error)
                }
            }
            _ => Self::Database(error),
        }
    }
}

/// SQLSTATE codes that pass by themselves (PostgreSQL manual, appendix A).
fn means_unavailable(code: &str) -> bool {
    const CLASSES: [&str; 3] = ["08", "53", "58"]; // connection, resources (disk, memory, connections), system
    const CODES: [&str; 9] = [
        "25006", // read-only transaction: a standby, or a primary that was demoted
        "40001", // serialization failure
        "40P01", // deadlock detected
        "55P03", // lock not available
        "57014", // statement timeout
        "57P01", // administrator shutdown
        "57P02", // crash shutdown
        "57P03", // cannot connect now
        "57P05", // idle session timeout
    ];
    CLASSES.iter().any(|class| code.starts_with(class)) || CODES.contains(&code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transient_states_are_told_from_defects() {
        for code in ["08006", "53100", "53300", "25006", "40P01", "57P01"] {
            assert!(means_unavailable(code), "{code}");
        }
        for code in ["23505", "42703", "22021", ""] {
            assert!(!means_unavailable(code), "{code}");
        }
    }

    #[test]
    fn io_errors_are_unavailability() {
        let error = sqlx::Error::Io(std::io::Error::other("gone"));
        assert!(StoreError::from(error).is_unavailable());
        assert!(!StoreError::from(sqlx::Error::RowNotFound).is_unavailable());
    }
}
