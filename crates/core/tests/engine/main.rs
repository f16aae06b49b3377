//! The engine as a whole, over a real PostgreSQL database per test and a scripted network.

mod delivering;
mod gates;
mod holding;
mod house;
mod profiles;
mod stopping;
