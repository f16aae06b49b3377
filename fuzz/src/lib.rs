//! What must hold whatever is read: one file a target, each a function over bytes that panics when it does not.
//!
//! The programs in `fuzz_targets/` hand these functions what libFuzzer makes up; `tests/seeds.rs` hands them the seeds in
//! `corpus/`, so that a target that no longer understands its seeds is noticed without fuzzing. Deliberately absent:
//! targets that need a database. One uses a socket: an answer is read from nothing else.

#![forbid(unsafe_code)]

pub mod broker_message;
pub mod ciphertext;
pub mod domain_path;
pub mod filter_request;
pub mod header_check;
pub mod key_set;
pub mod response_head;
pub mod retry_after;
pub mod url_guard;
