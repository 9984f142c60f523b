use super::books::Books;
use crate::event::{AttemptState, Event};
use crate::ids::{AttemptNumber, TransactionId};
use crate::state::{Progress, ScheduledRefund, Settlement, Word};

/// Which attempt at which transaction an event is about, if it is about one.
pub(super) fn about(event: &Event) -> Option<(TransactionId, AttemptNumber)> {
    match event {
        Event::AttemptSent { transaction, attempt }
        | Event::AttemptIndeterminate { transaction, attempt, .. }
        | Event::AttemptFailed { transaction, attempt, .. }
        | Event::TransactionSettled { transaction, attempt }
        | Event::TransactionFailed { transaction, attempt, .. }
        | Event::SettlementContradicted { transaction, attempt, .. }
        | Event::RefundConfirmed { transaction, attempt }
        | Event::RefundFailed { transaction, attempt, .. }
        | Event::WithdrawalConfirmed { transaction, attempt }
        | Event::WithdrawalFailed { transaction, attempt, .. } => Some((*transaction, *attempt)),
        Event::NodeInitialized { .. }
        | Event::PolicySet { .. }
        | Event::RatesPublished { .. }
        | Event::FundsDeposited { .. }
        | Event::WithdrawalScheduled { .. }
        | Event::IntentCreated { .. }
        | Event::CodeScanned { .. }
        | Event::IntentCanceled { .. }
        | Event::IntentExpired
        | Event::IntentSubmitted { .. }
        | Event::SubmissionRefused { .. }
        | Event::IntentRejected { .. }
        | Event::IntentVerified { .. }
        | Event::IntentScheduled { .. }
        | Event::IntentConfirmed
        | Event::IntentFailed { .. }
        | Event::LateSubmissionRefused { .. }
        | Event::RefundScheduled { .. }
        | Event::LoginRequested { .. }
        | Event::LoggedIn { .. }
        | Event::WebhookRegistered { .. }
        | Event::WebhookDelivered { .. }
        | Event::WebhookAttemptFailed { .. }
        | Event::WebhookRedeliveryOrdered
        | Event::RelationshipEstablished { .. } => None,
    }
}

/// Takes what an event says of an attempt into the progress of its transaction.
pub(super) fn progress(progress: &mut Progress, event: &Event) -> Result<(), &'static str> {
    let (_, attempt) = about(event).ok_or("it names no transaction")?;
    let (said, reason) = match event {
        Event::AttemptSent { .. } => (AttemptState::Sent, ""),
        Event::AttemptIndeterminate { reason, .. } => (AttemptState::Indeterminate, reason.as_str()),
        Event::AttemptFailed { reason, .. } => (AttemptState::FailedRetryable, reason.as_str()),
        Event::TransactionFailed { reason, .. }
        | Event::RefundFailed { reason, .. }
        | Event::WithdrawalFailed { reason, .. } => (AttemptState::Failed, reason.as_str()),
        Event::SettlementContradicted { known, reported, .. } => {
            if progress.weigh(attempt, *reported) != Word::Contradiction(*known) {
                return Err("it contradicts nothing");
            }
            return progress.contradict().ok_or("more contradictions than are kept");
        }
        _ => (AttemptState::Settled, ""),
    };
    progress.take(attempt, said, reason).ok_or("it does not follow from what was said of the attempts before")
}

/// Counts a success of a transaction whose payment had failed with another one: nothing of this transaction was final.
pub(super) fn contradict_whole(progress: &mut Progress, event: &Event) -> Result<(), &'static str> {
    let settled_after_all = (AttemptState::Failed, AttemptState::Settled);
    match event {
        Event::SettlementContradicted { known, reported, .. } if (*known, *reported) == settled_after_all => {
            progress.contradict().ok_or("more contradictions than are kept")
        }
        _ => Err("it contradicts nothing"),
    }
}

/// Carries out a payment's transaction in the accounts: its quarks move from what the payer has set aside.
pub(super) fn settle(
    settlement: &Settlement,
    books: &mut Books<'_>,
    transaction: TransactionId,
) -> Result<(), &'static str> {
    let carried = settlement.transaction(transaction).ok_or("no such transaction")?.transaction;
    let payer = settlement.submission.payment.payer;
    for transfer in settlement.transfers(&carried) {
        books
            .settle(payer, transfer.destination, transfer.quarks)
            .ok_or("the payer has less set aside than the transaction moves")?;
    }
    Ok(())
}

/// Carries out a refund in the accounts, or lets go what it had set aside.
pub(super) fn end_refund(
    scheduled: &ScheduledRefund,
    settlement: &Settlement,
    books: &mut Books<'_>,
    event: &Event,
) -> Result<(), &'static str> {
    let (merchant, quarks) = (scheduled.refund.merchant, scheduled.refund.quarks);
    match event {
        Event::RefundConfirmed { .. } => {
            let payer = settlement.submission.payment.payer;
            books.settle(merchant, payer, quarks).ok_or("the destination has less set aside")
        }
        Event::RefundFailed { released, .. } if *released == quarks => {
            books.release(merchant, quarks).ok_or("the destination has less set aside")
        }
        Event::RefundFailed { .. } => Err("what is released is not what was set aside"),
        _ => Ok(()),
    }
}
