//! The decisions of Quittance, and nothing else.
//!
//! A [`machine::Core`] takes one [`machine::Input`] at a time and yields records for an append-only log. Everything it knows is a
//! fold of those records, so whoever has the log has the state: see [`state::State::apply`].
//!
//! ```text
//! Request --verify--> Command --decide--> events --evolve--> State
//!  (from outside)     (proof inside)      (facts, in the log)
//! ```
//!
//! Architecture invariant: this crate has no clock, I/O, randomness, float, thread or hash map. Time, ids and exchange rates
//! enter as data; the same inputs give the same records and the same digest on any machine.
#![no_std]

extern crate alloc;

pub mod command;
pub mod currency;
pub mod decide;
pub mod digest;
pub mod event;
pub mod evolve;
pub mod frame;
pub mod ids;
pub mod invariant;
pub mod lifecycle;
pub mod login;
pub mod machine;
pub mod metadata;
pub mod money;
pub mod payment;
pub mod policy;
pub mod quote;
pub mod record;
pub mod refund;
pub mod rejection;
pub mod site;
pub mod snapshot;
pub mod state;
pub mod terms;
pub mod verify;
pub mod webhook;
pub mod why;
pub mod withdrawal;
