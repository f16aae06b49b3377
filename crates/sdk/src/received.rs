//! A callback as it arrived.

use std::time::Duration;

use crate::verify::{TOLERANCE, VerifyError};

/// What a signature may cover, and the time it is checked at.
#[derive(Clone, Copy, Debug)]
pub struct Received<'a> {
    /// Header names, in any case, with their values.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body's bytes, before any parsing.
    pub body: &'a [u8],
    /// Now, in seconds since 1970.
    pub now: i64,
    /// How far a signed time may lie from now; the bound itself is allowed.
    pub tolerance: Duration,
    /// The header the signature is in, if not the scheme's own.
    pub signature_header: Option<&'a str>,
}

impl<'a> Received<'a> {
    /// A callback received now, with the usual tolerance and header.
    #[must_use]
    pub const fn new(headers: &'a [(&'a str, &'a str)], body: &'a [u8], now: i64) -> Self {
        Self { headers, body, now, tolerance: TOLERANCE, signature_header: None }
    }

    /// The value of a header, its name in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&'a str> {
        self.headers.iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
    }

    /// Whether a signed time is near enough to now.
    pub(crate) fn check_time(&self, signed: i64) -> Result<(), VerifyError> {
        let apart = Duration::from_secs(self.now.abs_diff(signed));
        if apart > self.tolerance { Err(VerifyError::StaleSignature) } else { Ok(()) }
    }
}
