//! What can happen to a log's directory, and that no one takes the remains for the whole.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod damage;
mod flips;
mod support;
mod tail;
