//! One workload for every store: load the stream of one intent, decide, append one event of 200 bytes with an expected
//! revision, and count it once it is durable. Afterwards the store is closed, opened again and read back, and every event
//! that was acknowledged has to be there once, in order, with its bytes.
//!
//! A store takes part by implementing [`Store`] and calling [`main`]. Nothing here depends on any of them.

mod args;
mod check;
mod drive;
mod event;
mod line;
mod run;
mod store;
mod workload;

pub use args::{Args, Shape};
pub use drive::{BoxFuture, block_on, on_threads};
pub use event::{EVENT_BYTES, Event, Stream};
pub use run::main;
pub use store::{About, Command, Decision, History, Outcome, Plan, Read, Store, decide};
