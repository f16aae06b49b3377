//! What deliveries look like on the wire.

use crate::named_enum::named_enum;

named_enum! {
    /// A preset of signature scheme, body form, headers and retry that makes deliveries look like
    /// those of a known system.
    #[derive(Default)]
    pub enum WireProfile {
        /// Firefly Callbacks: the payload as the body, base64 HMAC-SHA256 over it.
        #[default]
        Firefly = "FIREFLY",
    }
}
