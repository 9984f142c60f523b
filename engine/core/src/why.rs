//! How an intent came to be where it is, step by step, from its records alone.

use alloc::vec::Vec;

use crate::event::{Event, Record};
use crate::ids::{CausationId, Position, Timestamp};
use crate::lifecycle::{CommandKind, step};
use crate::rejection::Rejection;
use crate::state::Status;
use crate::webhook::SCHEDULE;

/// One input and what came of it: the records that share a cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step<'a> {
    /// What was asked; [`CommandKind::Tick`] when nobody asked and time had passed.
    pub cause: CommandKind,
    /// The input, as every record of it names it.
    pub causation: CausationId,
    /// When it was decided.
    pub at: Timestamp,
    /// The first of its records.
    pub position: Position,
    /// The state it met; `None` when the intent did not exist.
    pub from: Option<Status>,
    /// The state it left; `None` when the records do not follow each other.
    pub to: Option<Status>,
    /// What it made true, in order; at least one.
    pub records: Vec<&'a Record>,
}

impl<'a> Step<'a> {
    /// The rule that refused, if one did.
    #[must_use]
    pub fn guard(&self) -> Option<&'a Rejection> {
        self.records.iter().find_map(|record| match &record.event {
            Event::SubmissionRefused { rejection }
            | Event::IntentRejected { rejection }
            | Event::LateSubmissionRefused { rejection, .. } => Some(&**rejection),
            _ => None,
        })
    }
}

/// The steps that the records of one intent tell of. `records` are all of them, in order; those of others are passed over.
///
/// # Determinism
/// A pure function of the records.
#[must_use]
pub fn explain(records: &[Record]) -> Vec<Step<'_>> {
    let mut steps: Vec<Step<'_>> = Vec::new();
    let Some(intent) = records.iter().find_map(|record| record.subject).map(|subject| subject.intent) else {
        return steps;
    };
    let about = |record: &&Record| record.subject.is_some_and(|subject| subject.intent == intent);
    let mut status = None;
    for record in records.iter().filter(about) {
        let next = step(status, record.event.kind());
        match steps.last_mut().filter(|last| last.causation == record.causation) {
            Some(last) => {
                last.to = next;
                // A deadline that a late payment finds passed: the payment is what was asked.
                if last.cause == CommandKind::Tick {
                    last.cause = cause(&record.event);
                }
                last.records.push(record);
            }
            None => steps.push(Step {
                cause: cause(&record.event),
                causation: record.causation,
                at: record.recorded_at,
                position: record.position,
                from: status,
                to: next,
                records: alloc::vec![record],
            }),
        }
        status = next;
    }
    steps
}

/// The command that has `event` as its first.
fn cause(event: &Event) -> CommandKind {
    match event {
        Event::IntentCreated { .. } => CommandKind::Create,
        Event::CodeScanned { .. } => CommandKind::MarkScanned,
        Event::IntentCanceled { .. } => CommandKind::Cancel,
        Event::IntentSubmitted { .. }
        | Event::SubmissionRefused { .. }
        | Event::IntentRejected { .. }
        | Event::IntentVerified { .. }
        | Event::IntentScheduled { .. }
        | Event::LateSubmissionRefused { .. } => CommandKind::Submit,
        Event::LoginRequested { .. } => CommandKind::RequestLogin,
        Event::LoggedIn { .. } => CommandKind::Login,
        Event::WebhookRegistered { .. } => CommandKind::RegisterWebhook,
        // A report leaves none but the last attempt without a next one.
        Event::WebhookAttemptFailed { attempt, next: None, .. } if usize::from(*attempt) < SCHEDULE.len() => {
            CommandKind::GiveUpDelivery
        }
        Event::WebhookDelivered { .. } | Event::WebhookAttemptFailed { .. } => CommandKind::ReportDelivery,
        Event::WebhookRedeliveryOrdered => CommandKind::Redeliver,
        Event::RefundScheduled { .. } => CommandKind::Refund,
        Event::AttemptSent { .. }
        | Event::AttemptIndeterminate { .. }
        | Event::AttemptFailed { .. }
        | Event::TransactionSettled { .. }
        | Event::TransactionFailed { .. }
        | Event::SettlementContradicted { .. }
        | Event::IntentConfirmed
        | Event::IntentFailed { .. }
        | Event::RefundConfirmed { .. }
        | Event::RefundFailed { .. } => CommandKind::ReportSettlement,
        Event::IntentExpired
        | Event::NodeInitialized { .. }
        | Event::PolicySet { .. }
        | Event::RatesPublished { .. }
        | Event::FundsDeposited { .. }
        | Event::WithdrawalScheduled { .. }
        | Event::WithdrawalConfirmed { .. }
        | Event::WithdrawalFailed { .. }
        | Event::RelationshipEstablished { .. } => CommandKind::Tick,
    }
}
