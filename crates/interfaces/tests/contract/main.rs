//! The public contract, checked from outside: every constraint and message, what updates keep and
//! change, events as producers send them, and values computed by the compatible systems.

mod constraints;
mod events;
mod filters;
mod problems;
mod sample;
mod signing;
mod updates;
mod vectors;
