use alloc::collections::BTreeSet;

use super::{Violation, hold};
use crate::ids::IntentId;
use crate::state::{Intent, Phase, State, TransactionState};

/// No intent is left in the middle of a decision.
///
/// # Errors
/// One is submitted or verified, or its rail has said the last word and it has not ended.
pub fn nothing_half_done(state: &State) -> Result<(), Violation> {
    let half_done = |intent: &Intent| match &intent.phase {
        Phase::Submitted(_) | Phase::Verified(_) => true,
        Phase::Scheduled(settlement) => {
            let mut states = settlement.transactions.iter().map(|scheduled| scheduled.progress.state());
            let failed = states.clone().any(|state| matches!(state, TransactionState::Failed { .. }));
            failed || states.all(|state| state == TransactionState::Settled)
        }
        Phase::Created
        | Phase::Confirmed(_)
        | Phase::Canceled(_)
        | Phase::Expired
        | Phase::Rejected(_)
        | Phase::Failed(_)
        | Phase::LoggedIn(_) => false,
    };
    match state.intents().find(|(_, intent)| half_done(intent)) {
        None => Ok(()),
        Some((id, intent)) => {
            hold(false, "nothing half done", || alloc::format!("{id} is {}", intent.status().name()))
        }
    }
}

/// The derived indexes say what the intents and withdrawals say.
///
/// # Errors
/// They do not: an intent would never expire, or a transaction never settle.
pub fn indexes(state: &State) -> Result<(), Violation> {
    let open = |(id, intent): (&IntentId, &Intent)| {
        (intent.phase == Phase::Created).then_some((intent.expires_at, *id))
    };
    let deadlines: BTreeSet<_> = state.intents().filter_map(open).collect();
    hold(deadlines == state.deadlines, "indexes", || "deadlines are not those of the open intents".into())?;
    let open = state.intents().filter(|(_, intent)| !intent.has_ended()).count();
    hold(open == state.open, "indexes", || {
        alloc::format!("{open} intents are open, {} counted", state.open)
    })?;
    let undelivered = state.intents().filter(|(_, intent)| intent.is_undelivered()).count();
    hold(undelivered == state.undelivered, "indexes", || {
        alloc::format!("{undelivered} intents only wait for their webhook, {} counted", state.undelivered)
    })?;
    let unsettled = state.intents().filter(|(_, intent)| intent.is_unsettled()).map(|(id, _)| *id);
    hold(unsettled.collect::<BTreeSet<_>>() == state.unsettled, "indexes", || {
        "not every intent with an open transaction is listed, or another is".into()
    })?;
    let deliveries = state.intents().filter_map(|(id, intent)| Some((intent.delivery_due()?, *id)));
    hold(deliveries.collect::<BTreeSet<_>>() == state.deliveries, "indexes", || {
        "not every pending webhook is listed, or another is".into()
    })?;
    let withdrawals = state
        .withdrawals()
        .filter(|(_, scheduled)| scheduled.progress.state() == TransactionState::Ordered)
        .map(|(id, _)| *id);
    hold(withdrawals.collect::<BTreeSet<_>>() == state.open_withdrawals, "indexes", || {
        "not every open withdrawal is listed, or another is".into()
    })
}
