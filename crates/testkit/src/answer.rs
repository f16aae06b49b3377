//! One scripted answer of a receiver.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

/// What to answer.
#[derive(Debug, Clone)]
pub struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) delay: Duration,
    pub(crate) silent: bool,
}

impl Answer {
    /// An empty answer with this status.
    ///
    /// # Panics
    /// When `status` is not between 100 and 999.
    pub fn status(status: u16) -> Self {
        let status = StatusCode::from_u16(status).expect("a status code has three digits");
        Self { status, headers: HeaderMap::new(), body: Bytes::new(), delay: Duration::ZERO, silent: false }
    }

    /// No answer at all: the request is read, then nothing happens.
    pub fn never() -> Self {
        Self { silent: true, ..Self::status(200) }
    }

    /// Adds a header.
    ///
    /// # Panics
    /// When the name or value is not valid.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        let value = HeaderValue::from_str(value).expect("test header values are valid");
        self.headers.append(HeaderName::from_static(name), value);
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Waits before answering.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }
}
