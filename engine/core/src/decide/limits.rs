//! What accounts may move in a while.

use crate::ids::{AccountId, Timestamp};
use crate::money::Quarks;
use crate::policy::Limits;
use crate::rejection::{Rejection, RejectionCode};
use crate::state::{Side, State};

/// Quarks that an account is about to move.
pub(super) struct Movement {
    pub(super) side: Side,
    pub(super) account: AccountId,
    pub(super) quarks: Quarks,
}

/// Whether what the account moved lately leaves room for `movement`. `codes` are those of too much and of too often.
pub(super) fn within(
    state: &State,
    limits: Limits,
    movement: &Movement,
    field: &str,
    (too_much, too_often): (RejectionCode, RejectionCode),
    now: Timestamp,
) -> Result<(), Rejection> {
    let Movement { side, account, quarks } = movement;
    // Also without a limit the sum has to be one that can be counted.
    let most = limits.per_day.unwrap_or(Quarks::MAX);
    let before = state.usage().day(*side, account, now);
    if before.checked_add(*quarks).is_none_or(|sum| sum > most) {
        let got = alloc::format!("{before} and these {quarks}");
        return Err(Rejection::new(too_much, field, ("in 24 hours at most", most), got));
    }
    if let Some(most) = limits.per_five_minutes {
        let before = state.usage().five_minutes(*side, account, now);
        if before >= most {
            let got = alloc::format!("{before} and this one");
            return Err(Rejection::new(too_often, field, ("in five minutes at most", most), got));
        }
    }
    Ok(())
}
