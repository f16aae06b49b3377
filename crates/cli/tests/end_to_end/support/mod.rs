//! What every end-to-end test needs beside the testkit's receiver: a database, replicas of the service, a producer that
//! keeps a ledger, and a way to cut the service off from its database.
//!
//! Deliberately absent: retries of a failed test, and any knowledge of the service's tables.

pub(crate) mod api;
pub(crate) mod arrival;
pub(crate) mod database;
pub(crate) mod ledger;
pub(crate) mod outage;
pub(crate) mod patience;
pub(crate) mod producer;
pub(crate) mod replica;
pub(crate) mod scene;
