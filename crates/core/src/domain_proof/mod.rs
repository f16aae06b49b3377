//! Proof that a tenant controls a host, before callbacks may go there.
//!
//! Three ways: a TXT record under the name, a document under a well-known path (both `challenge`), or the consent that the
//! endpoint itself gives to an `OPTIONS` request (`consent`, the CloudEvents handshake, which may also grant a rate). What is
//! asked and what an answer means is decided there, purely; `prover` does the asking, and only through the engine's way
//! out, so that every address is judged as for a callback.
//!
//! Deliberately absent: who may ask for a proof, and what is written when it succeeds (management, models).

pub mod challenge;
pub mod consent;
pub mod prover;
