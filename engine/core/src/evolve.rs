//! What an event changes. Total: every (phase, event) pair is decided here, in one place.

use core::fmt;

use alloc::collections::BTreeMap;

use crate::event::{Event, Record, Subject, Transaction};
use crate::ids::{IntentId, Position, Revision, TransactionId};
use crate::payment::{Payment, transaction_id};
use crate::state::{
    Deposit, Intent, Ledger, Phase, RateTable, ScheduledTransaction, Settlement, State, Status, Submission,
    TransactionState,
};

/// A record that does not follow from the state before it: the log and the code disagree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IllegalTransition {
    /// Where the record is.
    pub position: Position,
    /// What it met: the phase of its intent, or the part of the state it is about.
    pub from: &'static str,
    /// The event's name.
    pub event: &'static str,
    /// Why the two do not go together.
    pub why: &'static str,
}

impl IllegalTransition {
    pub(crate) fn new(record: &Record, from: &'static str, why: &'static str) -> Self {
        Self { position: record.position, from, event: record.event.name(), why }
    }
}

impl fmt::Display for IllegalTransition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { position, from, event, why } = self;
        write!(f, "record {position}: {event} cannot follow {from}: {why}")
    }
}

impl core::error::Error for IllegalTransition {}

/// Takes `record` into `state`. Called by [`State::apply`], which checks position and time.
///
/// # Errors
/// The event does not follow from the state; the state is then undefined.
pub(crate) fn evolve(state: &mut State, record: &Record) -> Result<(), IllegalTransition> {
    let illegal = |from, why| IllegalTransition::new(record, from, why);
    match (&record.event, record.subject) {
        (Event::NodeInitialized { node, policy }, None) => {
            if state.node.is_some() {
                return Err(illegal("node", "the log has begun already"));
            }
            state.node = Some(*node);
            state.policy = policy.clone();
        }
        (Event::PolicySet { policy }, None) => state.policy = policy.clone(),
        (Event::RatesPublished { source, rates }, None) => {
            let rates: BTreeMap<_, _> = rates.iter().copied().collect();
            let (published_at, source) = (record.recorded_at, source.clone());
            state.rates.publish(RateTable { published_at, source, rates });
        }
        (Event::FundsDeposited { key, account, quarks }, None) => {
            let deposit = Deposit { account: *account, quarks: *quarks, position: record.position };
            if state.deposits.insert(*key, deposit).is_some() {
                return Err(illegal("account", "a deposit with this key was made before"));
            }
            state.ledger.deposit(*account, *quarks).ok_or(illegal("account", "the balance does not fit"))?;
        }
        (Event::IntentCreated { .. }, Some(subject)) => create(state, record, subject)?,
        (_, Some(subject)) => advance(state, record, subject)?,
        (_, None) => return Err(illegal("log", "it names no intent")),
    }
    Ok(())
}

fn create(state: &mut State, record: &Record, subject: Subject) -> Result<(), IllegalTransition> {
    let Event::IntentCreated { terms, authorization, expires_at } = &record.event else {
        return Err(IllegalTransition::new(record, "log", "it is not a creation"));
    };
    if (subject.revision, subject.previous) != (Revision(0), Position::START) {
        return Err(IllegalTransition::new(record, "log", "an intent's first record has revision 0"));
    }
    let intent = Intent {
        terms: terms.clone(),
        authorization: authorization.clone(),
        created_at: record.recorded_at,
        created: record.position,
        expires_at: *expires_at,
        scanned: None,
        refusals: 0,
        revision: Revision(0),
        last_position: record.position,
        phase: Phase::Created,
    };
    if let Some(earlier) = state.intents.insert(subject.intent, intent) {
        return Err(IllegalTransition::new(record, earlier.status().name(), "the intent exists already"));
    }
    state.deadlines.insert((*expires_at, subject.intent));
    Ok(())
}

fn advance(state: &mut State, record: &Record, subject: Subject) -> Result<(), IllegalTransition> {
    let id = subject.intent;
    if (subject.revision, subject.previous) != state.next_revision(&id) {
        return Err(IllegalTransition::new(record, "intent", "its revision does not follow the one before"));
    }
    let Some(intent) = state.intents.get_mut(&id) else {
        return Err(IllegalTransition::new(record, "log", "the intent was never created"));
    };
    let (from, node) = (intent.status(), state.node);
    let illegal = |why| IllegalTransition::new(record, from.name(), why);
    let ledger = &mut state.ledger;
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
        (Phase::Created, Event::IntentSubmitted { payment, signature, rule }) => {
            if payment.intent != id {
                return Err(illegal("the payment names another intent"));
            }
            Phase::Submitted(Submission {
                payment: payment.clone(),
                signature: *signature,
                rule: *rule,
                position: record.position,
            })
        }
        (Phase::Submitted(_), Event::SubmissionRefused { .. }) => {
            intent.refusals = intent.refusals.checked_add(1).ok_or(illegal("too many refusals"))?;
            Phase::Created
        }
        (Phase::Submitted(_), Event::IntentRejected { rejection }) => Phase::Rejected(rejection.clone()),
        (Phase::Submitted(submission), Event::IntentVerified { reserved }) => {
            if Some(submission.payment.node) != node {
                return Err(illegal("the payment was signed for another node"));
            }
            if submission.payment.total() != Some(*reserved) {
                return Err(illegal("what is set aside is not what the payment takes"));
            }
            ledger
                .reserve(submission.payment.payer, *reserved)
                .ok_or(illegal("the payer does not have what is set aside"))?;
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
                state: TransactionState::Ordered,
            };
            let transactions = transactions.iter().map(ordered).collect();
            Phase::Scheduled(Settlement { submission, scheduled: record.position, transactions })
        }
        (Phase::Scheduled(mut settlement), Event::TransactionSettled { transaction }) => {
            settle(&mut settlement, ledger, *transaction).map_err(illegal)?;
            Phase::Scheduled(settlement)
        }
        (Phase::Scheduled(mut settlement), Event::TransactionFailed { transaction, reason }) => {
            let ordered = settlement
                .transaction_mut(*transaction)
                .filter(|known| known.state == TransactionState::Ordered)
                .ok_or(illegal("the transaction is not with the rail"))?;
            ordered.state = TransactionState::Failed { reason: reason.clone() };
            Phase::Scheduled(settlement)
        }
        (Phase::Scheduled(settlement), Event::IntentConfirmed) => {
            if settlement.transactions.iter().any(|known| known.state != TransactionState::Settled) {
                return Err(illegal("not every transaction is final"));
            }
            Phase::Confirmed(settlement)
        }
        (Phase::Scheduled(settlement), Event::IntentFailed { released }) => {
            let failed =
                |known: &ScheduledTransaction| matches!(known.state, TransactionState::Failed { .. });
            if !settlement.transactions.iter().any(failed) {
                return Err(illegal("no transaction failed"));
            }
            if settlement.outstanding() != *released {
                return Err(illegal("what is released is not what was still set aside"));
            }
            ledger
                .release(settlement.submission.payment.payer, *released)
                .ok_or(illegal("the payer has less set aside"))?;
            Phase::Failed(settlement)
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
            | Phase::Failed(_),
            _,
        ) => return Err(illegal("no such step")),
    };
    intent.phase = next;
    intent.revision = subject.revision;
    intent.last_position = record.position;
    index(state, id, from);
    Ok(())
}

fn settle(
    settlement: &mut Settlement,
    ledger: &mut Ledger,
    transaction: TransactionId,
) -> Result<(), &'static str> {
    let ordered = settlement
        .transaction_mut(transaction)
        .filter(|known| known.state == TransactionState::Ordered)
        .ok_or("the transaction is not with the rail")?;
    ordered.state = TransactionState::Settled;
    let carried = ordered.transaction;
    let payer = settlement.submission.payment.payer;
    for transfer in settlement.transfers(&carried) {
        ledger
            .settle(payer, transfer.destination, transfer.quarks)
            .ok_or("the payer has less set aside than the transaction moves")?;
    }
    Ok(())
}

/// Keeps the derived indexes in step with the intent's phase.
fn index(state: &mut State, id: IntentId, from: Status) {
    let Some(intent) = state.intents.get(&id) else { return };
    match &intent.phase {
        Phase::Created => {
            state.deadlines.insert((intent.expires_at, id));
        }
        Phase::Scheduled(_) => {
            state.scheduled.insert(id);
            state.deadlines.remove(&(intent.expires_at, id));
        }
        Phase::Submitted(_)
        | Phase::Verified(_)
        | Phase::Confirmed(_)
        | Phase::Canceled(_)
        | Phase::Expired
        | Phase::Rejected(_)
        | Phase::Failed(_) => {
            if from == Status::Scheduled {
                state.scheduled.remove(&id);
            }
            state.deadlines.remove(&(intent.expires_at, id));
        }
    }
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
    end == Some(transfers) && transfers > 0
}
