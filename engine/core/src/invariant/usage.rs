use alloc::collections::BTreeMap;

use super::{Violation, hold};
use crate::state::{Side, State, Status, TransactionState, Usage};

/// What counts towards the limits is what was paid lately: for every account, the last 24 hours by its figures are those of
/// the payments and withdrawals themselves, to the quark.
///
/// # Errors
/// They are not: somebody could pay more than the policy lets them, or less.
pub fn usage(state: &State) -> Result<(), Violation> {
    let now = state.time();
    let mut expected: BTreeMap<_, u128> = BTreeMap::new();
    for (_, intent) in state.intents() {
        let counts = matches!(intent.status(), Status::Verified | Status::Scheduled | Status::Confirmed);
        let Some(submission) = intent.submission().filter(|_| counts) else { continue };
        if !Usage::is_within_day(submission.at, now) {
            continue;
        }
        let Some(terms) = intent.terms() else { continue };
        let payment = &submission.payment;
        let total = u128::from(payment.total().unwrap_or_default().get());
        *expected.entry((payment.payer, Side::Payer)).or_default() += total;
        let received = u128::from(payment.received().get());
        *expected.entry((terms.destination, Side::Merchant)).or_default() += received;
    }
    for (_, scheduled) in state.withdrawals() {
        let failed = matches!(scheduled.progress.state(), TransactionState::Failed { .. });
        if !failed && Usage::is_within_day(scheduled.at, now) {
            let quarks = u128::from(scheduled.withdrawal.quarks.get());
            *expected.entry((scheduled.withdrawal.account, Side::Owner)).or_default() += quarks;
        }
    }
    let known = state.usage().accounts().map(|(key, _)| *key);
    for (account, side) in known.chain(expected.keys().copied()) {
        let found = u128::from(state.usage().day(side, &account, now).get());
        let expected = expected.get(&(account, side)).copied().unwrap_or(0);
        // Of what is put away nobody knows here when it was paid.
        let right = found == expected || (state.away > 0 && found > expected);
        hold(right, "usage", || {
            alloc::format!("{account} as {side:?}: {found} quarks count, {expected} were moved")
        })?;
    }
    Ok(())
}
