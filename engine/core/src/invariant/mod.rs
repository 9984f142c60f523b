//! What holds after every input, one function each, one file per family. Used by tests, fuzzers, debug builds and the
//! verification of logs alike.

mod conservation;
mod digest;
mod indexes;
mod positions;
mod refunds;
mod reservations;
mod terminal;
mod usage;

use alloc::string::String;
use core::fmt;

use crate::event::Record;
use crate::state::{State, Status};

pub use conservation::conservation;
pub use digest::replays;
pub use indexes::{indexes, nothing_half_done};
pub use positions::{follows, gapless};
pub use refunds::{refunds, refunds_of};
pub use reservations::{Reservations, ended_once, reservations};
pub use terminal::{ended, monotone};
pub use usage::usage;

/// An invariant that does not hold: the log or the code is wrong, and money may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which invariant.
    pub invariant: &'static str,
    /// What was found.
    pub found: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.invariant, self.found)
    }
}

impl core::error::Error for Violation {}

/// Every invariant of a state between two inputs. Walks the whole state.
///
/// # Errors
/// The first that does not hold.
pub fn check_all(state: &State) -> Result<(), Violation> {
    conservation(state)?;
    reservations(state)?;
    refunds(state)?;
    ended(state)?;
    usage(state)?;
    nothing_half_done(state)?;
    indexes(state)
}

/// Every invariant of a history and the state it folds to. Walks both.
///
/// # Errors
/// The first that does not hold.
pub fn check_history(records: &[Record], state: &State) -> Result<(), Violation> {
    gapless(records)?;
    ended_once(records)?;
    replays(records, state)
}

/// What one record must not have broken, in time that does not grow with the state. `before` is where its intent was.
///
/// # Errors
/// The first that does not hold.
pub fn check_record(before: Option<Status>, record: &Record, state: &State) -> Result<(), Violation> {
    let Some(subject) = record.subject else { return Ok(()) };
    let Some(intent) = state.intent(&subject.intent) else {
        return hold(false, "records", || alloc::format!("{} has a record and is not there", subject.intent));
    };
    monotone(&subject.intent, before, intent.status())?;
    refunds_of(&subject.intent, intent)?;
    let submission = intent.submission().map(|submission| submission.payment.payer);
    for account in submission.into_iter().chain(intent.terms().map(|terms| terms.destination)) {
        reservations::covered(&account, &state.ledger().account(&account))?;
    }
    Ok(())
}

fn hold(holds: bool, invariant: &'static str, found: impl FnOnce() -> String) -> Result<(), Violation> {
    if holds { Ok(()) } else { Err(Violation { invariant, found: found() }) }
}
