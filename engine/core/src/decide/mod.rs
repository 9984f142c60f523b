//! All checks, no change: what a command would make true, or which rule it breaks.

mod delivery;
mod intent;
mod limits;
mod login;
mod node;
mod refund;
mod settle;
mod submit;
mod withdraw;

use alloc::vec::Vec;

use crate::command::Command;
use crate::event::Event;
use crate::ids::{IntentId, Position, Revision, Timestamp};
use crate::rejection::{Rejection, RejectionCode};
use crate::state::{Intent, State};

/// What follows from a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The intent that the events and the answer are about, if they are about one.
    pub intent: Option<IntentId>,
    /// What becomes true, in order, all or none of it.
    pub events: Vec<Event>,
    /// What the asker is told.
    pub verdict: Verdict,
}

/// What the asker is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is so now.
    Done,
    /// It was so already: the same request was carried out by the record at this position.
    Repeated(Position),
    /// The rules refuse it. There can be events all the same: the refusal of a validly signed payment is a fact.
    Refused(Rejection),
}

/// Applies the rules to `command` at `now`.
///
/// # Errors
/// The rule that refuses it, when the refusal leaves no trace in the log.
///
/// # Determinism
/// A pure function of its arguments.
pub fn decide(state: &State, command: &Command, now: Timestamp) -> Result<Decision, Rejection> {
    match command {
        Command::Initialize { node, policy } => node::initialize(state, *node, policy),
        _ if state.node().is_none() => {
            let expected = "a log that begins with node.initialized";
            Err(Rejection::new(RejectionCode::NodeNotInitialized, "", expected, "an empty log"))
        }
        Command::SetPolicy { policy } => node::set_policy(state, policy),
        Command::PublishRates { source, rates } => node::publish_rates(state, source, rates, now),
        Command::Deposit { key, account, quarks } => node::deposit(state, *key, *account, *quarks),
        Command::Create(create) => intent::create(state, create.get(), now),
        Command::MarkScanned(scan) => intent::mark_scanned(state, scan.get(), now),
        Command::Cancel(cancel) => intent::cancel(state, cancel.get(), now),
        Command::Submit(submit) => submit::submit(state, submit.get(), now),
        Command::Refund(refund) => refund::refund(state, refund.get()),
        Command::Withdraw(withdrawal) => withdraw::withdraw(state, withdrawal.get(), now),
        Command::RequestLogin(request) => login::request(state, request.get(), now),
        Command::Login(login) => login::login(state, login.get(), now),
        Command::EstablishRelationship(wish) => login::establish(state, wish.get()),
        Command::RegisterWebhook { intent, url } => delivery::register(state, *intent, url, now),
        Command::ReportDelivery(report) => delivery::report(state, report, now),
        Command::Redeliver { intent } => delivery::redeliver(state, *intent),
        Command::GiveUpDelivery { intent, ordered, reason } => {
            delivery::give_up(state, *intent, *ordered, reason)
        }
        Command::ReportSettlement(report) => settle::report(state, report),
        Command::ReportWithdrawal { transaction, attempt, outcome } => {
            withdraw::report(state, *transaction, *attempt, outcome)
        }
    }
}

/// The most intents that one tick expires; the next deadline is then still due and the next tick goes on.
pub const MAX_EXPIRED_PER_TICK: usize = 64;

/// The open intents whose deadline has passed at `now`, earliest first, at most [`MAX_EXPIRED_PER_TICK`].
#[must_use]
pub fn due(state: &State, now: Timestamp) -> Vec<IntentId> {
    let passed = state.deadlines.iter().take_while(|(deadline, _)| *deadline < now);
    passed.take(MAX_EXPIRED_PER_TICK).map(|(_, intent)| *intent).collect()
}

impl Decision {
    fn new(intent: Option<IntentId>, events: Vec<Event>) -> Self {
        Self { intent, events, verdict: Verdict::Done }
    }

    fn repeated(intent: Option<IntentId>, position: Position) -> Self {
        Self { intent, events: Vec::new(), verdict: Verdict::Repeated(position) }
    }
}

/// Refuses when the asker saw another revision. To be asked behind the repetitions, which hold whatever the asker saw, and in
/// front of every other rule.
fn as_seen(intent: &Intent, expected: Option<Revision>) -> Result<(), Rejection> {
    match expected {
        Some(expected) if expected != intent.revision => {
            let code = RejectionCode::RevisionMismatch;
            Err(Rejection::new(code, "expected_revision", alloc::format!("{expected}"), intent.revision))
        }
        _ => Ok(()),
    }
}

fn known(state: &State, id: IntentId) -> Result<&Intent, Rejection> {
    state
        .intent(&id)
        .ok_or_else(|| Rejection::new(RejectionCode::IntentNotFound, "intent", "a known intent", id))
}
