//! What a rail says of a transaction.

use alloc::vec;

use super::{Decision, known};
use crate::command::SettlementOutcome;
use crate::event::Event;
use crate::ids::{IntentId, TransactionId};
use crate::rejection::{Rejection, RejectionCode};
use crate::state::{Intent, Phase, Settlement, State, Status, TransactionState};

/// The longest reason of a failure that is kept.
const MAX_REASON_BYTES: usize = 256;

pub(super) fn report(
    state: &State,
    id: IntentId,
    transaction: TransactionId,
    outcome: &SettlementOutcome,
) -> Result<Decision, Rejection> {
    let intent = known(state, id)?;
    let settlement = settlement(intent)?;
    let known = settlement.transaction(transaction).ok_or_else(|| {
        let expected = "a transaction of this intent";
        Rejection::new(RejectionCode::TransactionNotFound, "transaction", expected, transaction)
    })?;
    match (&known.state, outcome) {
        // Another transaction of the payment failed for good, and what was set aside is the payer's again.
        (TransactionState::Ordered, _) if intent.phase.status() != Status::Scheduled => {
            let expected = "a scheduled intent";
            Err(Rejection::new(RejectionCode::IntentFailed, "intent", expected, intent.status().name()))
        }
        (TransactionState::Ordered, SettlementOutcome::Settled) => {
            let last = settlement
                .transactions
                .iter()
                .all(|other| other.transaction.id == transaction || other.state == TransactionState::Settled);
            let mut events = vec![Event::TransactionSettled { transaction }];
            if last {
                events.push(Event::IntentConfirmed);
            }
            Ok(Decision::new(Some(id), events))
        }
        (TransactionState::Ordered, SettlementOutcome::Failed { reason }) => {
            let reason = cut(reason, MAX_REASON_BYTES).into();
            let released = settlement.outstanding();
            let events =
                vec![Event::TransactionFailed { transaction, reason }, Event::IntentFailed { released }];
            Ok(Decision::new(Some(id), events))
        }
        (TransactionState::Settled, SettlementOutcome::Settled)
        | (TransactionState::Failed { .. }, SettlementOutcome::Failed { .. }) => {
            Ok(Decision::repeated(Some(id), intent.last_position))
        }
        (TransactionState::Settled, SettlementOutcome::Failed { .. }) => {
            Err(contradicts("settled, as reported before", "failed"))
        }
        (TransactionState::Failed { .. }, SettlementOutcome::Settled) => {
            Err(contradicts("failed, as reported before", "settled"))
        }
    }
}

fn settlement(intent: &Intent) -> Result<&Settlement, Rejection> {
    match &intent.phase {
        Phase::Scheduled(settlement) | Phase::Confirmed(settlement) | Phase::Failed(settlement) => {
            Ok(settlement)
        }
        Phase::Created
        | Phase::Submitted(_)
        | Phase::Verified(_)
        | Phase::Canceled(_)
        | Phase::Expired
        | Phase::Rejected(_) => {
            let code = RejectionCode::IntentNotScheduled;
            Err(Rejection::new(code, "intent", "scheduled transactions", intent.status().name()))
        }
    }
}

fn contradicts(expected: &str, got: &str) -> Rejection {
    Rejection::new(RejectionCode::SettlementContradicts, "outcome", expected, got)
}

fn cut(text: &str, max: usize) -> &str {
    text.get(..text.floor_char_boundary(max)).unwrap_or(text)
}
