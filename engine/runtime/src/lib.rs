//! Drives the core against an event log: verify workers, one sequencer, group commit, subscriptions.
//!
//! ```text
//! Handle -> bounded queue -> verify workers (signatures) -> sequencer (decide, evolve) -> committer (append, sync)
//!    ^                                                                                         |
//!    +------ replies, query answers, subscriptions: only what is durable ----------------------+
//! ```
//!
//! While one commit is syncing the next one fills, so commits grow with the load by themselves and a lone request waits for
//! one sync. Nothing that anybody outside can see happens before the records it stands on are durable.
//!
//! Memory follows what is open. What has ended is put away by a checkpointer beside all this: an archive in a [`table`] keeps
//! where its last record is, and who asks about it gets it folded again from its own records in the log. Snapshots in the
//! same table keep a start short. Both are made from the log, checked by hash, and made anew when they do not fit it.
//!
//! Architecture invariant: nothing here knows a protocol, a socket or a file format; stores come in through
//! [`log::EventLog`], requests through [`Handle`].

mod admission;
mod archive;
mod audit;
mod checkpoint;
mod clock;
mod committer;
mod engine;
mod error;
mod follow;
mod gate;
mod handle;
mod recall;
mod recent;
mod replay;
mod restore;
mod sequencer;
mod subscription;
mod timekeeper;
mod turns;
mod verifier;

pub mod log;
pub mod table;

pub use admission::Admission;
pub use archive::ArchiveError;
pub use audit::{Audit, AuditError, Signatures, audit};
pub use checkpoint::Checkpoints;
pub use clock::{Clock, ManualClock, SystemClock};
pub use engine::{Engine, Options};
pub use error::{Error, Failure, ShutdownError, StartError};
pub use handle::{Handle, MAX_BATCH, Ticket};
pub use recall::RecallError;
pub use replay::{Replay, ReplayError, replay};
pub use restore::Progress;
pub use subscription::Subscription;

/// The core, for those who embed the engine.
pub use quittance_core as core;

#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
