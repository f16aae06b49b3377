//! The REST contract, asked of a router over a real database with a running engine. One binary, because each would
//! link the whole service again.

mod contract_operations;
mod contract_validation;
mod document;
mod errors;
mod events;
mod hostile;
mod idempotency;
mod paging;
mod serving;
mod support;
