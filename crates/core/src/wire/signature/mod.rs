//! How deliveries are signed. One scheme is one file and one line in `signer`'s table; each keeps the keyed state of a
//! configuration's secrets ready and signs the very bytes that are sent. During a rotation the previous secret signs too
//! where a scheme's header has room for several signatures, until its time is up. Verifying is the receiver's business
//! and lives in the sdk.

mod ed25519;
mod firefly;
mod firefly_rust;
pub mod keys;
mod mac;
mod pyfly;
mod servo;
pub mod signer;
mod standard_webhooks;
mod standard_webhooks_ed25519;
mod stripe;
mod svc_infra;

pub(crate) use ed25519::public_keys;
pub use ed25519::{generated_key, public_key};
pub(super) use standard_webhooks::message_id;
