//! Events in from brokers.
