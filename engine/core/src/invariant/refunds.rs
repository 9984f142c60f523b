use super::{Violation, hold};
use crate::ids::IntentId;
use crate::money::Quarks;
use crate::state::{Intent, State, Status};

/// No payment is given back more than it took, and only confirmed ones are given back.
///
/// # Errors
/// One is.
pub fn refunds(state: &State) -> Result<(), Violation> {
    state.intents().try_for_each(|(id, intent)| refunds_of(id, intent))
}

/// The same of one intent.
///
/// # Errors
/// More is given back than was paid, or something of an intent that is not confirmed.
pub fn refunds_of(id: &IntentId, intent: &Intent) -> Result<(), Violation> {
    if intent.refunds.is_empty() {
        return Ok(());
    }
    hold(intent.status() == Status::Confirmed, "refunds", || {
        alloc::format!("{id} is {} and has refunds", intent.status().name())
    })?;
    let paid = intent.submission().and_then(|submission| submission.payment.total()).unwrap_or(Quarks::ZERO);
    let refunded = intent.refunded();
    hold(refunded <= paid, "refunds", || alloc::format!("{id}: {refunded} given back of {paid}"))
}
