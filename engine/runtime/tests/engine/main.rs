//! The engine as those who embed it see it: through its handle, over a log, whatever the log does.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod admission;
mod archive;
mod audit;
mod clock;
mod durability;
mod failures;
mod full;
mod races;
mod requests;
mod subscriptions;
mod support;
mod withdrawals;
