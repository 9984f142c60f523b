use super::{Violation, hold};
use crate::state::State;

/// No quark appears or vanishes: all balances together are all deposits together, less all withdrawals.
///
/// # Errors
/// They are not.
pub fn conservation(state: &State) -> Result<(), Violation> {
    let ledger = state.ledger();
    let held: u128 = ledger.accounts().map(|(_, account)| u128::from(account.balance.get())).sum();
    let (came, left) = (ledger.deposited(), ledger.withdrawn());
    hold(held + left == came, "conservation", || {
        alloc::format!("{held} quarks held, {came} deposited, {left} withdrawn")
    })
}
