//! Who may do what: the credential at the door, the role it stands for, and the book that is kept of changes.
//!
//! A key comes in as text; `api_key` takes it apart, `key_ring` (a snapshot of all accepted keys, never older than a
//! second while the database answers) says whose it is, and `permissions` — the one table of role and operation —
//! whether its `caller` may. `key_register` makes and revokes keys. `audit_chain` seals each entry of the audit log with
//! the hash of the one before it, and `audit_verification` reads the chains back. Where an identity provider vouches for
//! callers instead, `tokens` reads what it signed.
//!
//! Deliberately absent: paths, headers and status codes (web). Invariant: what the table does not permit is refused,
//! and a credential that cannot be checked is never taken for a good one.

pub mod api_key;
pub mod audit_chain;
pub mod audit_verification;
pub mod caller;
pub mod key_register;
pub mod key_ring;
pub mod operation;
pub mod permissions;
pub mod role;
pub mod tokens;
