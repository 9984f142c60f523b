//! What holds after every input, one function each. Used by tests, fuzzers and the log's verification.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use core::fmt;

use crate::ids::AccountId;
use crate::money::Quarks;
use crate::state::{Phase, State};

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

/// Every invariant, in one go. Walks the whole state.
///
/// # Errors
/// The first that does not hold.
pub fn check_all(state: &State) -> Result<(), Violation> {
    conservation(state)?;
    reservations(state)?;
    nothing_half_done(state)?;
    indexes(state)
}

/// No quark appears or vanishes: all balances together are all deposits together.
///
/// # Errors
/// They are not.
pub fn conservation(state: &State) -> Result<(), Violation> {
    let held: u128 = state.ledger().accounts().map(|(_, account)| u128::from(account.balance.get())).sum();
    let deposited = u128::from(state.ledger().deposited().get());
    hold(held == deposited, "conservation", || alloc::format!("{held} quarks held, {deposited} deposited"))
}

/// What an account has reserved is what its scheduled payments still take, and it has that much.
///
/// # Errors
/// One has more, or less.
pub fn reservations(state: &State) -> Result<(), Violation> {
    let mut outstanding: BTreeMap<AccountId, u128> = BTreeMap::new();
    for (_, intent) in state.intents() {
        let (payer, open) = match &intent.phase {
            Phase::Verified(submission) => {
                (submission.payment.payer, submission.payment.total().unwrap_or(Quarks::MAX))
            }
            Phase::Scheduled(settlement) => (settlement.submission.payment.payer, settlement.outstanding()),
            Phase::Created
            | Phase::Submitted(_)
            | Phase::Confirmed(_)
            | Phase::Canceled(_)
            | Phase::Expired
            | Phase::Rejected(_)
            | Phase::Failed(_) => continue,
        };
        *outstanding.entry(payer).or_default() += u128::from(open.get());
    }
    for (id, account) in state.ledger().accounts() {
        let expected = outstanding.remove(id).unwrap_or(0);
        let found = u128::from(account.reserved.get());
        hold(found == expected, "reservations", || {
            alloc::format!("{id} has {found} reserved, its scheduled payments take {expected}")
        })?;
        hold(account.reserved <= account.balance, "reservations", || {
            alloc::format!("{id} has {} reserved of {}", account.reserved, account.balance)
        })?;
    }
    hold(outstanding.is_empty(), "reservations", || "a payer without an account".into())
}

/// No intent is left in the middle of a decision.
///
/// # Errors
/// One is submitted or verified.
pub fn nothing_half_done(state: &State) -> Result<(), Violation> {
    let half_done = |phase: &Phase| matches!(phase, Phase::Submitted(_) | Phase::Verified(_));
    match state.intents().find(|(_, intent)| half_done(&intent.phase)) {
        None => Ok(()),
        Some((id, intent)) => {
            hold(false, "nothing half done", || alloc::format!("{id} is {}", intent.status().name()))
        }
    }
}

/// The derived indexes say what the intents say.
///
/// # Errors
/// They do not: an intent would never expire, or never settle.
pub fn indexes(state: &State) -> Result<(), Violation> {
    let open = |(id, intent): (&_, &crate::state::Intent)| {
        (intent.phase == Phase::Created).then_some((intent.expires_at, *id))
    };
    let deadlines: BTreeSet<_> = state.intents().filter_map(open).collect();
    hold(deadlines == state.deadlines, "indexes", || "deadlines are not those of the open intents".into())?;
    let scheduled: BTreeSet<_> = state
        .intents()
        .filter(|(_, intent)| matches!(intent.phase, Phase::Scheduled(_)))
        .map(|(id, _)| *id)
        .collect();
    hold(scheduled == state.scheduled, "indexes", || "not every scheduled intent is listed".into())
}

fn hold(holds: bool, invariant: &'static str, found: impl FnOnce() -> String) -> Result<(), Violation> {
    if holds { Ok(()) } else { Err(Violation { invariant, found: found() }) }
}
