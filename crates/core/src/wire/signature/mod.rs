//! How deliveries are signed. One scheme is one file; each keeps the keyed state of a configuration's secret ready and
//! signs the very bytes that are sent. Verifying is the receiver's business and lives elsewhere.

pub mod firefly;
