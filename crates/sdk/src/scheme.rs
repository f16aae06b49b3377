//! How callbacks are signed: the same words the service uses.

pub use callbacks_interfaces::signature_scheme::SignatureScheme;
