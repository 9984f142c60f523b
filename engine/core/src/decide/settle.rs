//! What a rail says of a transaction.

use alloc::vec;
use alloc::vec::Vec;

use super::{Decision, Verdict, as_seen, known};
use crate::command::{Report, SettlementOutcome};
use crate::event::{AttemptState, Event};
use crate::ids::{AttemptNumber, IntentId, Position, TransactionId};
use crate::policy::Policy;
use crate::rejection::{Rejection, RejectionCode};
use crate::state::{
    Intent, MAX_CONTRADICTIONS, Phase, Progress, Settlement, State, Status, TransactionState, Word,
};

/// The longest words of a rail that are kept.
const MAX_REASON_BYTES: usize = 256;

pub(super) fn report(state: &State, report: &Report) -> Result<Decision, Rejection> {
    let intent = known(state, report.intent)?;
    let decision = decided(state, intent, report);
    if !matches!(&decision, Ok(Decision { verdict: Verdict::Repeated(_), .. })) {
        as_seen(intent, report.expected)?;
    }
    decision
}

fn decided(state: &State, intent: &Intent, report: &Report) -> Result<Decision, Rejection> {
    let Report { intent: id, transaction, attempt, ref outcome, expected: _ } = *report;
    let settlement = settlement(intent)?;
    let (said, last) = ((transaction, attempt, outcome), intent.last_position);
    let weighed = |progress: &Progress, finally: &dyn Fn() -> Vec<Event>| {
        weigh(Some(id), progress, said, state.policy(), last, finally)
    };
    if let Some(scheduled) = settlement.transaction(transaction) {
        // Another transaction of the payment failed for good, and what was set aside is the payer's again.
        if scheduled.progress.state() == TransactionState::Ordered && intent.status() == Status::Failed {
            if *outcome == SettlementOutcome::Settled {
                return Ok(contradiction(Some(id), &scheduled.progress, said, AttemptState::Failed));
            }
            let expected = "a scheduled intent";
            return Err(Rejection::new(
                RejectionCode::IntentFailed,
                "intent",
                expected,
                intent.status().name(),
            ));
        }
        return weighed(&scheduled.progress, &|| match outcome {
            SettlementOutcome::Settled => settled(settlement, transaction, attempt),
            failed => {
                let (reason, released) = (kept(failed.reason()).into(), settlement.outstanding());
                vec![
                    Event::TransactionFailed { transaction, attempt, reason },
                    Event::IntentFailed { released },
                ]
            }
        });
    }
    if let Some(scheduled) = intent.refund(transaction) {
        return weighed(&scheduled.progress, &|| match outcome {
            SettlementOutcome::Settled => vec![Event::RefundConfirmed { transaction, attempt }],
            failed => {
                let (reason, released) = (kept(failed.reason()).into(), scheduled.refund.quarks);
                vec![Event::RefundFailed { transaction, attempt, reason, released }]
            }
        });
    }
    let expected = "a transaction of this intent";
    Err(Rejection::new(RejectionCode::TransactionNotFound, "transaction", expected, transaction))
}

/// What a rail's word about one transaction makes true. `finally` has the events of a word that ends the transaction.
pub(super) fn weigh(
    id: Option<IntentId>,
    progress: &Progress,
    said: (TransactionId, AttemptNumber, &SettlementOutcome),
    policy: &Policy,
    last: Position,
    finally: impl FnOnce() -> Vec<Event>,
) -> Result<Decision, Rejection> {
    let (transaction, attempt, outcome) = said;
    let refuse = |code, field: &str, expected: &str| {
        Err(Rejection::new(
            code,
            field,
            expected,
            alloc::format!("{} by attempt {attempt}", outcome.state().name()),
        ))
    };
    match progress.weigh(attempt, outcome.state()) {
        // One too many is not begun. What is under way may end whatever the limit has become, and a final word begins nothing.
        Word::News
            if attempt.0 > policy.max_attempts
                && usize::from(attempt.0) > progress.attempts().len()
                && !matches!(outcome, SettlementOutcome::Settled | SettlementOutcome::Failed { .. }) =>
        {
            let code = RejectionCode::AttemptsTooMany;
            Err(Rejection::new(code, "attempt", ("at most", policy.max_attempts), attempt))
        }
        Word::News => {
            let reason = kept(outcome.reason()).into();
            let events = match outcome {
                SettlementOutcome::Sent => vec![Event::AttemptSent { transaction, attempt }],
                SettlementOutcome::Indeterminate { .. } => {
                    vec![Event::AttemptIndeterminate { transaction, attempt, reason }]
                }
                SettlementOutcome::FailedRetryable { .. } => {
                    vec![Event::AttemptFailed { transaction, attempt, reason }]
                }
                SettlementOutcome::Settled | SettlementOutcome::Failed { .. } => finally(),
            };
            Ok(Decision::new(id, events))
        }
        Word::Repeated => Ok(Decision::repeated(id, last)),
        Word::Contradiction(known) => Ok(contradiction(id, progress, said, known)),
        Word::AlreadyFinal => {
            refuse(RejectionCode::TransactionAlreadyFinal, "transaction", "a transaction that is not final")
        }
        Word::OutOfOrder => {
            let code = RejectionCode::AttemptOutOfOrder;
            Err(Rejection::new(code, "attempt", ("at most", progress.attempts().len() + 1), attempt))
        }
        Word::Unresolved => {
            let expected = "no doubt whether the quarks have moved";
            refuse(RejectionCode::AttemptUnresolved, "attempt", expected)
        }
    }
}

/// A corrupt rail: its word is refused and, the first few times, kept.
fn contradiction(
    id: Option<IntentId>,
    progress: &Progress,
    (transaction, attempt, outcome): (TransactionId, AttemptNumber, &SettlementOutcome),
    known: AttemptState,
) -> Decision {
    let (reported, reason) = (outcome.state(), kept(outcome.reason()).into());
    let events = if progress.contradictions() < MAX_CONTRADICTIONS {
        vec![Event::SettlementContradicted { transaction, attempt, known, reported, reason }]
    } else {
        Vec::new()
    };
    let expected = alloc::format!("{}, as reported before", known.name());
    let code = RejectionCode::SettlementContradicts;
    let verdict = Verdict::Refused(Rejection::new(code, "outcome", expected, reported.name()));
    Decision { intent: id, events, verdict }
}

fn settled(settlement: &Settlement, transaction: TransactionId, attempt: AttemptNumber) -> Vec<Event> {
    let last = settlement.transactions.iter().all(|other| {
        other.transaction.id == transaction || other.progress.state() == TransactionState::Settled
    });
    let mut events = Vec::with_capacity(2);
    events.push(Event::TransactionSettled { transaction, attempt });
    if last {
        events.push(Event::IntentConfirmed);
    }
    events
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
        | Phase::Rejected(_)
        | Phase::LoggedIn(_) => {
            let code = RejectionCode::IntentNotScheduled;
            Err(Rejection::new(code, "intent", "scheduled transactions", intent.status().name()))
        }
    }
}

/// As much of a text from outside as is kept.
pub(super) fn kept(text: &str) -> &str {
    cut(text, MAX_REASON_BYTES)
}

/// The first `most` bytes of a text, or fewer where a character would be cut.
pub(super) fn cut(text: &str, most: usize) -> &str {
    text.get(..text.floor_char_boundary(most)).unwrap_or(text)
}
