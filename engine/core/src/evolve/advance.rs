use alloc::boxed::Box;
use alloc::sync::Arc;

use super::books::Books;
use super::{IllegalTransition, delivery, settlement};
use crate::event::{Event, Record, Subject, Transaction};
use crate::ids::NodeId;
use crate::lifecycle;
use crate::login::LoggedIn;
use crate::money::Quarks;
use crate::payment::{Payment, Purpose, transaction_id};
use crate::state::{
    Intent, Phase, Progress, ScheduledRefund, ScheduledTransaction, Settlement, Side, State, Status,
    Submission, TransactionState,
};
use crate::terms::Terms;

/// Takes an event about an intent that exists into the state.
pub(super) fn advance(state: &mut State, record: &Record, subject: Subject) -> Result<(), IllegalTransition> {
    let id = subject.intent;
    let State {
        intents, ledger, usage, archive, open, undelivered, deadlines, unsettled, deliveries, ..
    } = state;
    let Some(intent) = intents.get_mut(&id) else {
        return Err(IllegalTransition::new(record, "log", "the intent was never created"));
    };
    if subject != intent.next(id) {
        return Err(IllegalTransition::new(record, "intent", "its revision does not follow the one before"));
    }
    if let Event::LoggedIn { user, .. } = &record.event {
        let known = state.relationships.get(user).map(|relationship| &relationship.domain);
        if known != intent.login_domain() {
            return Err(IllegalTransition::new(record, "account", "the site knows nobody by it"));
        }
    }
    let (from, due) = (intent.status(), intent.delivery_due());
    let (was_open, was_unsettled) = (!intent.has_ended(), intent.is_unsettled());
    let was_undelivered = intent.is_undelivered();
    let intent = Arc::make_mut(intent);
    step(intent, state.node, record, subject, &mut Books::Open(ledger, usage))?;
    // The archive and the derived indexes are kept in step with the intent.
    let has_ended = intent.has_ended();
    count(open, was_open, !has_ended);
    count(undelivered, was_undelivered, intent.is_undelivered());
    if has_ended {
        archive.add_intent(&id, intent);
    }
    let deadline = (intent.expires_at, id);
    match (from, intent.status()) {
        (Status::Created, Status::Created) => {}
        (_, Status::Created) => drop(deadlines.insert(deadline)),
        (Status::Created, _) => drop(deadlines.remove(&deadline)),
        _ => {}
    }
    if due != intent.delivery_due() {
        if let Some(due) = due {
            deliveries.remove(&(due, id));
        }
        if let Some(due) = intent.delivery_due() {
            deliveries.insert((due, id));
        }
    }
    match (was_unsettled, intent.is_unsettled()) {
        (false, true) => drop(unsettled.insert(id)),
        (true, false) => drop(unsettled.remove(&id)),
        _ => {}
    }
    Ok(())
}

/// Takes an event into the one intent that it is about.
pub(super) fn step(
    intent: &mut Intent,
    node: Option<NodeId>,
    record: &Record,
    subject: Subject,
    books: &mut Books<'_>,
) -> Result<(), IllegalTransition> {
    let id = subject.intent;
    let from = intent.status();
    let illegal = |why| IllegalTransition::new(record, from.name(), why);
    let Some(to) = lifecycle::step(Some(from), record.event.kind()) else {
        return Err(illegal("no such step"));
    };
    // Who is in time and who is late does not depend on when a tick came.
    let overdue = record.recorded_at > intent.expires_at;
    if from == Status::Created && overdue != matches!(record.event, Event::IntentExpired) {
        return Err(illegal("the deadline says otherwise"));
    }
    // Taken out, so that a phase's contents move instead of being copied.
    let phase = core::mem::replace(&mut intent.phase, Phase::Expired);
    let next = match (phase, &record.event) {
        (Phase::Created, Event::CodeScanned { .. }) => {
            if intent.scanned.replace(record.position).is_some() {
                return Err(illegal("the code was scanned before"));
            }
            Phase::Created
        }
        (Phase::Created, Event::IntentCanceled { by, .. }) => Phase::Canceled(*by),
        (Phase::Created, Event::IntentExpired) => Phase::Expired,
        (phase @ Phase::Created, Event::WebhookRegistered { .. })
        | (
            phase @ (Phase::Scheduled(_) | Phase::Confirmed(_) | Phase::Failed(_) | Phase::LoggedIn(_)),
            Event::WebhookDelivered { .. }
            | Event::WebhookAttemptFailed { .. }
            | Event::WebhookRedeliveryOrdered,
        ) => {
            delivery::take(intent, record).map_err(illegal)?;
            phase
        }
        (Phase::Created, Event::LoggedIn { user, authorization }) => {
            if intent.terms().is_some() {
                return Err(illegal("it asks for a payment"));
            }
            delivery::arm(intent, record, record.position);
            Phase::LoggedIn(Box::new(LoggedIn {
                user: *user,
                authorization: (**authorization).clone(),
                position: record.position,
                at: record.recorded_at,
            }))
        }
        (Phase::Created, Event::IntentSubmitted { payment, form, signature, rule }) => {
            if payment.intent != id {
                return Err(illegal("the payment names another intent"));
            }
            Phase::Submitted(Box::new(Submission {
                payment: (**payment).clone(),
                form: form.clone(),
                signature: *signature,
                rule: *rule,
                position: record.position,
                at: record.recorded_at,
            }))
        }
        (Phase::Submitted(_), Event::SubmissionRefused { .. }) => {
            refuse(intent).ok_or(illegal("too many refusals"))?;
            Phase::Created
        }
        (phase, Event::LateSubmissionRefused { payment, .. }) => {
            if payment.intent != id {
                return Err(illegal("the payment names another intent"));
            }
            refuse(intent).ok_or(illegal("too many refusals"))?;
            phase
        }
        (Phase::Submitted(_), Event::IntentRejected { rejection }) => Phase::Rejected(rejection.clone()),
        (Phase::Submitted(submission), Event::IntentVerified { reserved }) => {
            if Some(submission.payment.node) != node {
                return Err(illegal("the payment was signed for another node"));
            }
            let terms = intent.terms().ok_or(illegal("it asks for no payment"))?;
            if !follows(&submission.payment, terms) {
                return Err(illegal("the payment is not what the terms ask for"));
            }
            if submission.payment.total() != Some(*reserved) {
                return Err(illegal("what is set aside is not what the payment takes"));
            }
            let payer = submission.payment.payer;
            books.reserve(payer, *reserved).ok_or(illegal("the payer does not have what is set aside"))?;
            let (merchant, received) = (terms.destination, submission.payment.received());
            books.count(Side::Payer, payer, *reserved, submission.at);
            books.count(Side::Merchant, merchant, received, submission.at);
            Phase::Verified(submission)
        }
        (Phase::Verified(submission), Event::IntentScheduled { transactions }) => {
            if !covers(transactions, submission.payment.transfers.len()) {
                return Err(illegal("the transactions do not carry every transfer exactly once"));
            }
            if !named_by(transactions, &submission.payment) {
                return Err(illegal("a transaction is not named by the signed payment"));
            }
            let ordered = |transaction: &Transaction| ScheduledTransaction {
                transaction: *transaction,
                progress: Progress::default(),
            };
            let transactions = transactions.iter().map(ordered).collect();
            let (submission, scheduled) = (*submission, record.position);
            delivery::arm(intent, record, scheduled);
            Phase::Scheduled(Box::new(Settlement { submission, scheduled, transactions }))
        }
        (Phase::Scheduled(mut settlement), Event::TransactionSettled { transaction, .. }) => {
            say(intent, &mut settlement, &record.event, Part::Payment).map_err(illegal)?;
            settlement::settle(&settlement, books, *transaction).map_err(illegal)?;
            Phase::Scheduled(settlement)
        }
        (
            Phase::Scheduled(mut settlement),
            Event::TransactionFailed { .. }
            | Event::AttemptSent { .. }
            | Event::AttemptIndeterminate { .. }
            | Event::AttemptFailed { .. }
            | Event::SettlementContradicted { .. },
        ) => {
            say(intent, &mut settlement, &record.event, Part::Payment).map_err(illegal)?;
            Phase::Scheduled(settlement)
        }
        (Phase::Failed(mut settlement), Event::SettlementContradicted { .. }) => {
            say(intent, &mut settlement, &record.event, Part::FailedPayment).map_err(illegal)?;
            Phase::Failed(settlement)
        }
        (Phase::Scheduled(settlement), Event::IntentConfirmed) => {
            let settled = |known: &ScheduledTransaction| known.progress.state() == TransactionState::Settled;
            if !settlement.transactions.iter().all(settled) {
                return Err(illegal("not every transaction is final"));
            }
            Phase::Confirmed(settlement)
        }
        (Phase::Scheduled(settlement), Event::IntentFailed { released }) => {
            let failed = |known: &ScheduledTransaction| {
                matches!(known.progress.state(), TransactionState::Failed { .. })
            };
            if !settlement.transactions.iter().any(failed) {
                return Err(illegal("no transaction failed"));
            }
            if settlement.outstanding() != *released {
                return Err(illegal("what is released is not what was still set aside"));
            }
            let merchant = intent.terms().ok_or(illegal("it asks for no payment"))?.destination;
            let payer = settlement.submission.payment.payer;
            books.release(payer, *released).ok_or(illegal("the payer has less set aside"))?;
            let (payment, at) = (&settlement.submission.payment, settlement.submission.at);
            let total = payment.total().unwrap_or_default();
            books.uncount(Side::Payer, payer, total, at);
            books.uncount(Side::Merchant, merchant, payment.received(), at);
            Phase::Failed(settlement)
        }
        (Phase::Confirmed(settlement), Event::RefundScheduled { refund, .. }) => {
            let merchant = intent.terms().ok_or(illegal("it asks for no payment"))?.destination;
            if (Some(refund.node), refund.intent, refund.merchant) != (node, id, merchant) {
                return Err(illegal(
                    "the refund was signed by another destination, or for another intent or node",
                ));
            }
            if intent.refund(refund.transaction()).is_some() {
                return Err(illegal("a refund with this key was made before"));
            }
            let paid = settlement.submission.payment.total();
            let given_back = intent.refunded().checked_add(refund.quarks);
            if refund.quarks == Quarks::ZERO || given_back.is_none() || given_back > paid {
                return Err(illegal("more would be given back than was paid, or nothing"));
            }
            books
                .reserve(refund.merchant, refund.quarks)
                .ok_or(illegal("the destination does not have what is set aside"))?;
            let (refund, scheduled, progress) = (**refund, record.position, Progress::default());
            intent.refunds.push(ScheduledRefund { refund, scheduled, progress });
            Phase::Confirmed(settlement)
        }
        (
            Phase::Confirmed(mut settlement),
            Event::RefundConfirmed { .. }
            | Event::RefundFailed { .. }
            | Event::AttemptSent { .. }
            | Event::AttemptIndeterminate { .. }
            | Event::AttemptFailed { .. },
        ) => {
            let refund = say(intent, &mut settlement, &record.event, Part::Refund).map_err(illegal)?;
            if let Some(refund) = refund {
                settlement::end_refund(refund, &settlement, books, &record.event).map_err(illegal)?;
            }
            Phase::Confirmed(settlement)
        }
        (Phase::Confirmed(mut settlement), Event::SettlementContradicted { .. }) => {
            say(intent, &mut settlement, &record.event, Part::Either).map_err(illegal)?;
            Phase::Confirmed(settlement)
        }
        (
            Phase::Created
            | Phase::Submitted(_)
            | Phase::Verified(_)
            | Phase::Scheduled(_)
            | Phase::Confirmed(_)
            | Phase::Canceled(_)
            | Phase::Expired
            | Phase::Rejected(_)
            | Phase::Failed(_)
            | Phase::LoggedIn(_),
            _,
        ) => return Err(illegal("no such step")),
    };
    if next.status() != to {
        return Err(illegal("the step leads elsewhere in the lifecycle"));
    }
    intent.phase = next;
    intent.revision = subject.revision;
    intent.last_position = record.position;
    if to.is_terminal() && !from.is_terminal() {
        intent.ended = Some(record.position);
    }
    Ok(())
}

fn refuse(intent: &mut Intent) -> Option<()> {
    intent.refusals = intent.refusals.checked_add(1)?;
    Some(())
}

/// Whose transaction an event may be about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Payment,
    FailedPayment,
    Refund,
    Either,
}

/// Takes a rail's word into the progress of the transaction it is about; the refund, if it is one's.
fn say<'a>(
    intent: &'a mut Intent,
    settlement: &mut Settlement,
    event: &Event,
    part: Part,
) -> Result<Option<&'a ScheduledRefund>, &'static str> {
    let (id, _) = settlement::about(event).ok_or("it names no transaction")?;
    if part != Part::Refund
        && let Some(known) = settlement.transaction_mut(id)
    {
        match known.progress.state() {
            TransactionState::Ordered if part == Part::FailedPayment => {
                settlement::contradict_whole(&mut known.progress, event)?;
            }
            _ => settlement::progress(&mut known.progress, event)?,
        }
        return Ok(None);
    }
    let known = intent
        .refunds
        .iter_mut()
        .find(|scheduled| scheduled.refund.transaction() == id)
        .filter(|_| matches!(part, Part::Refund | Part::Either))
        .ok_or("the transaction is not with the rail")?;
    settlement::progress(&mut known.progress, event)?;
    Ok(Some(known))
}

fn count(counted: &mut usize, was: bool, is: bool) {
    *counted = *counted + usize::from(is) - usize::from(was);
}

/// Whether a payment is what the terms ask for, as far as that follows from the two alone: which rate and which service fee were
/// right at the time, the rules decided.
fn follows(payment: &Payment, terms: &Terms) -> bool {
    let Some((last, fees)) = payment.transfers.split_last() else { return false };
    let Some(total) = payment.total() else { return false };
    let service = fees.iter().take(1).filter(|first| first.purpose == Purpose::ServiceFee).count();
    let asked = terms.fees.iter().map(|fee| (Purpose::Fee, fee.destination, total.share(fee.basis_points)));
    let asked = asked.filter(|(_, _, quarks)| *quarks > Quarks::ZERO);
    let paid = fees.iter().skip(service).map(|fee| (fee.purpose, fee.destination, fee.quarks));
    (payment.currency, payment.amount) == (terms.currency, terms.amount)
        && (last.purpose, last.destination) == (Purpose::Destination, terms.destination)
        && paid.eq(asked)
        && payment.transfers.iter().all(|transfer| transfer.destination != payment.payer)
}

/// Whether each transaction's id is the one that follows from the payment.
fn named_by(transactions: &[Transaction], payment: &Payment) -> bool {
    let payload = payment.to_bytes();
    (0..).zip(transactions).all(|(index, transaction)| transaction.id == transaction_id(&payload, index))
}

/// Whether the transactions carry transfers 0 to `transfers`, in order, each exactly once.
fn covers(transactions: &[Transaction], transfers: usize) -> bool {
    let end = transactions.iter().try_fold(0usize, |next, transaction| {
        let fits = usize::from(transaction.first_transfer) == next && transaction.transfers > 0;
        fits.then_some(next + usize::from(transaction.transfers))
    });
    end == Some(transfers)
}
