//! Drives the core against an event log: verify workers, group commit, subscriptions.

pub mod log;
