//! What an event changes. Total: every (phase, event) pair is decided here, in one place.

mod advance;
mod books;
mod delivery;
mod settlement;
mod withdrawal;

use core::fmt;

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::currency::{Currency, Rate};
use crate::event::{Event, Record, Subject};
use crate::ids::{NodeId, Position, Revision};
use crate::login::Relationship;
use crate::money::{BasisPoints, Quarks};
use crate::state::{Asked, Deposit, Intent, Phase, RateTable, State};

pub use withdrawal::fold_withdrawal;

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
            policy.check().map_err(|_| illegal("node", "a policy that no rule lets in"))?;
            state.node = Some(*node);
            state.policy = (**policy).clone();
            state.policy_version = 1;
        }
        (Event::PolicySet { policy }, None) => {
            policy.check().map_err(|_| illegal("node", "a policy that no rule lets in"))?;
            state.policy = (**policy).clone();
            state.policy_version = state.policy_version.saturating_add(1);
        }
        (Event::RatesPublished { source, rates }, None) => {
            let one = |(currency, rate): &(Currency, Rate)| *currency != Currency::KIN || *rate == Rate::ONE;
            if rates.is_empty() || !rates.is_sorted_by(|(a, _), (b, _)| a < b) || !rates.iter().all(one) {
                return Err(illegal("rates", "none, or not in order, or a kin that is not one"));
            }
            let rates: BTreeMap<_, _> = rates.iter().copied().collect();
            let (published_at, source) = (record.recorded_at, source.clone());
            state.rates.publish(RateTable { published_at, source, rates });
        }
        (Event::FundsDeposited { key, account, quarks }, None) => {
            let deposit = Deposit { account: *account, quarks: *quarks, position: record.position };
            if *quarks == Quarks::ZERO {
                return Err(illegal("account", "nothing came in"));
            }
            if state.deposits.insert(*key, deposit).is_some() {
                return Err(illegal("account", "a deposit with this key was made before"));
            }
            state.ledger.deposit(*account, *quarks).ok_or(illegal("account", "the balance does not fit"))?;
            state.archive.add_deposit(key, &deposit);
        }
        (
            Event::WithdrawalScheduled { .. }
            | Event::WithdrawalConfirmed { .. }
            | Event::WithdrawalFailed { .. }
            | Event::AttemptSent { .. }
            | Event::AttemptIndeterminate { .. }
            | Event::AttemptFailed { .. }
            | Event::SettlementContradicted { .. },
            None,
        ) => withdrawal::withdraw(state, record).map_err(|why| illegal("withdrawal", why))?,
        (Event::RelationshipEstablished { owner, domain, authority, .. }, None) => {
            let relationship =
                Relationship { owner: *owner, domain: domain.clone(), established: record.position };
            let established = state.relationships.establish(*authority, relationship);
            established.ok_or(illegal("account", "the owner or the account has another relationship"))?;
        }
        (Event::IntentCreated { .. } | Event::LoginRequested { .. }, Some(subject)) => {
            create(state, record, subject)?;
        }
        (_, Some(subject)) => advance::advance(state, record, subject)?,
        (_, None) => return Err(illegal("log", "it names no intent")),
    }
    Ok(())
}

/// One intent, from its own records alone: those in a log whose subject it is, the first one first.
///
/// What they moved in the accounts is left out, and whether it could be moved is not asked again: the log has answered that.
///
/// # Errors
/// A record does not follow from those before it, or there is none.
///
/// # Determinism
/// The same as what [`State::apply`] made of the same records among all the others.
pub fn fold_intent<'a>(
    node: NodeId,
    records: impl IntoIterator<Item = &'a Record>,
) -> Result<Intent, IllegalTransition> {
    let mut intent: Option<Intent> = None;
    for record in records {
        let Some(subject) = record.subject else {
            return Err(IllegalTransition::new(record, "intent", "it names no intent"));
        };
        match &mut intent {
            None => intent = Some(created(record, subject, None)?),
            Some(known) => {
                if subject != known.next(subject.intent) {
                    let why = "its revision does not follow the one before";
                    return Err(IllegalTransition::new(record, "intent", why));
                }
                advance::step(known, Some(node), record, subject, &mut books::Books::Closed)?;
            }
        }
    }
    let (position, from, event, why) = (Position::START, "log", "nothing", "the intent has no records");
    intent.ok_or(IllegalTransition { position, from, event, why })
}

fn create(state: &mut State, record: &Record, subject: Subject) -> Result<(), IllegalTransition> {
    let intent = created(record, subject, Some(state.policy.fee_cap))?;
    let deadline = (intent.expires_at, subject.intent);
    if let Some(earlier) = state.intents.insert(subject.intent, Arc::new(intent)) {
        return Err(IllegalTransition::new(record, earlier.status().name(), "the intent exists already"));
    }
    state.deadlines.insert(deadline);
    state.open += 1;
    Ok(())
}

/// The intent that a creation makes. Without a cap its fees are not checked again.
fn created(
    record: &Record,
    subject: Subject,
    fee_cap: Option<BasisPoints>,
) -> Result<Intent, IllegalTransition> {
    let (asked, authorization, expires_at) = match &record.event {
        Event::IntentCreated { terms, authorization, expires_at } => {
            (Asked::Payment((**terms).clone()), authorization, expires_at)
        }
        Event::LoginRequested { login, authorization, expires_at } => {
            (Asked::Login(login.clone()), authorization, expires_at)
        }
        _ => return Err(IllegalTransition::new(record, "log", "it is not a creation")),
    };
    if (subject.revision, subject.previous) != (Revision(0), Position::START) {
        return Err(IllegalTransition::new(record, "log", "an intent's first record has revision 0"));
    }
    let right = match &asked {
        Asked::Payment(terms) => {
            fee_cap.is_none_or(|cap| terms.check(cap).is_ok())
                && terms.expires_at.is_none_or(|at| at == *expires_at)
        }
        Asked::Login(_) => true,
    };
    if !right || *expires_at < record.recorded_at {
        return Err(IllegalTransition::new(record, "log", "terms that no rule lets in"));
    }
    Ok(Intent {
        asked,
        authorization: authorization.clone(),
        created_at: record.recorded_at,
        created: record.position,
        expires_at: *expires_at,
        scanned: None,
        refusals: 0,
        revision: Revision(0),
        last_position: record.position,
        ended: None,
        phase: Phase::Created,
        refunds: Vec::new(),
        webhook: None,
    })
}
