//! Deliveries from an engine to real servers on this machine. If one is lost, a merchant that was paid does not ship; if one
//! blocks the others, one merchant's dead server stops everybody's.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod clock;
mod many;
mod one;
mod support;
mod surplus;
