//! A record as an arrow: who told whom what.

use quittance_core::currency::Currency;
use quittance_core::event::{CanceledBy, Event, Record};
use quittance_core::lifecycle::step;
use quittance_core::money::{NativeAmount, Quarks};
use quittance_core::state::Status;
use quittance_core::webhook::{DeliveryOutcome, public_url};
use serde::Serialize;

use crate::figures::{kin, moment, short};

/// Who takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Party {
    Merchant,
    Sequencer,
    Payer,
    Rail,
}

impl Party {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Merchant => "Merchant",
            Self::Sequencer => "Sequencer",
            Self::Payer => "Payer",
            Self::Rail => "Rail",
        }
    }
}

/// One record.
#[derive(Debug, Serialize)]
pub(super) struct Arrow {
    pub(super) position: u64,
    /// The event's name on the wire.
    pub(super) event: &'static str,
    pub(super) from: Party,
    /// The same as `from` for what the sequencer finds out by itself.
    pub(super) to: Party,
    pub(super) label: &'static str,
    /// Figures and reasons.
    pub(super) detail: String,
    /// Whether it is bad news for somebody.
    pub(super) bad: bool,
    /// RFC 3339 in UTC, to the microsecond.
    pub(super) at: String,
    /// Since the first of them, in microseconds.
    pub(super) after_us: u64,
    /// The state it leaves the intent in.
    pub(super) state: &'static str,
}

/// The records of one intent, in order.
pub(super) fn arrows(records: &[Record], amount: fn(Currency, NativeAmount) -> String) -> Vec<Arrow> {
    let began = records.first().map_or(0, |record| record.recorded_at.0);
    let mut status = None;
    let arrow = |record: &Record| {
        let event = &record.event;
        // A story that was cut begins in the middle, where the records before it are not at hand.
        status = step(status, event.kind()).or(status);
        let (from, to) = way(event);
        Arrow {
            position: record.position.0,
            event: event.name(),
            from,
            to,
            label: event.kind().label(),
            detail: detail(event, amount),
            bad: is_bad(event),
            at: moment(record.recorded_at).to_string(),
            after_us: record.recorded_at.0.saturating_sub(began),
            state: status.map(Status::name).unwrap_or_default(),
        }
    };
    records.iter().map(arrow).collect()
}

/// Who tells it to whom.
fn way(event: &Event) -> (Party, Party) {
    use Party::{Merchant, Payer, Rail, Sequencer};
    match event {
        Event::IntentCreated { .. }
        | Event::LoginRequested { .. }
        | Event::WebhookRegistered { .. }
        | Event::RefundScheduled { .. }
        | Event::IntentCanceled { by: CanceledBy::Merchant, .. } => (Merchant, Sequencer),
        Event::CodeScanned { .. }
        | Event::IntentSubmitted { .. }
        | Event::LoggedIn { .. }
        | Event::RelationshipEstablished { .. }
        | Event::WithdrawalScheduled { .. }
        | Event::FundsDeposited { .. }
        | Event::IntentCanceled { by: CanceledBy::Payer, .. } => (Payer, Sequencer),
        Event::SubmissionRefused { .. }
        | Event::LateSubmissionRefused { .. }
        | Event::IntentRejected { .. } => (Sequencer, Payer),
        Event::IntentConfirmed
        | Event::IntentFailed { .. }
        | Event::WebhookDelivered { .. }
        | Event::WebhookAttemptFailed { .. } => (Sequencer, Merchant),
        Event::IntentScheduled { .. } | Event::AttemptSent { .. } => (Sequencer, Rail),
        Event::AttemptIndeterminate { .. }
        | Event::AttemptFailed { .. }
        | Event::TransactionSettled { .. }
        | Event::TransactionFailed { .. }
        | Event::SettlementContradicted { .. }
        | Event::RefundConfirmed { .. }
        | Event::RefundFailed { .. }
        | Event::WithdrawalConfirmed { .. }
        | Event::WithdrawalFailed { .. } => (Rail, Sequencer),
        Event::NodeInitialized { .. }
        | Event::PolicySet { .. }
        | Event::RatesPublished { .. }
        | Event::IntentExpired
        | Event::IntentVerified { .. }
        | Event::WebhookRedeliveryOrdered => (Sequencer, Sequencer),
    }
}

fn is_bad(event: &Event) -> bool {
    matches!(
        event,
        Event::IntentCanceled { .. }
            | Event::IntentExpired
            | Event::SubmissionRefused { .. }
            | Event::LateSubmissionRefused { .. }
            | Event::IntentRejected { .. }
            | Event::AttemptIndeterminate { .. }
            | Event::AttemptFailed { .. }
            | Event::TransactionFailed { .. }
            | Event::SettlementContradicted { .. }
            | Event::IntentFailed { .. }
            | Event::RefundFailed { .. }
            | Event::WithdrawalFailed { .. }
            | Event::WebhookAttemptFailed { .. }
    )
}

/// What is worth knowing of it at a glance; all of it is at `/v1/intents/{id}/why`.
fn detail(event: &Event, amount: fn(Currency, NativeAmount) -> String) -> String {
    match event {
        Event::IntentCreated { terms, .. } => {
            format!("{} {}", amount(terms.currency, terms.amount), terms.currency.as_str().to_uppercase())
        }
        Event::LoginRequested { login, .. } => login.domain.to_string(),
        Event::RelationshipEstablished { domain, .. } => domain.to_string(),
        Event::IntentCanceled { by, .. } => format!("by the {}", by.name()),
        Event::IntentSubmitted { payment, .. } => {
            let total = payment.total().map(kin).unwrap_or_default();
            format!("{total} kin from {}", short(&payment.payer.to_string()))
        }
        Event::SubmissionRefused { rejection }
        | Event::IntentRejected { rejection }
        | Event::LateSubmissionRefused { rejection, .. } => rejection.to_string(),
        Event::IntentVerified { reserved } => kin_of(*reserved),
        Event::IntentFailed { released } => kin_of(*released),
        Event::IntentScheduled { transactions } => match transactions.len() {
            1 => "1 transaction".into(),
            count => format!("{count} transactions"),
        },
        Event::AttemptSent { transaction, attempt }
        | Event::TransactionSettled { transaction, attempt }
        | Event::RefundConfirmed { transaction, attempt }
        | Event::WithdrawalConfirmed { transaction, attempt } => {
            format!("{}, attempt {}", short(&transaction.to_string()), attempt.0)
        }
        Event::AttemptIndeterminate { transaction, reason, .. }
        | Event::AttemptFailed { transaction, reason, .. }
        | Event::TransactionFailed { transaction, reason, .. }
        | Event::SettlementContradicted { transaction, reason, .. }
        | Event::RefundFailed { transaction, reason, .. }
        | Event::WithdrawalFailed { transaction, reason, .. } => {
            format!("{}: {reason}", short(&transaction.to_string()))
        }
        Event::RefundScheduled { refund, .. } => kin_of(refund.quarks),
        Event::WithdrawalScheduled { withdrawal, .. } => kin_of(withdrawal.quarks),
        Event::FundsDeposited { quarks, .. } => kin_of(*quarks),
        Event::WebhookRegistered { url } => public_url(url),
        Event::WebhookDelivered { attempt, latency } => {
            format!("attempt {attempt}, {} ms", latency.as_millis())
        }
        Event::WebhookAttemptFailed { attempt, outcome, .. } => match outcome {
            DeliveryOutcome::Answered { status } => format!("attempt {attempt}, HTTP {status}"),
            DeliveryOutcome::Unreachable { .. } => format!("attempt {attempt}, no answer"),
        },
        Event::NodeInitialized { .. }
        | Event::PolicySet { .. }
        | Event::RatesPublished { .. }
        | Event::CodeScanned { .. }
        // Who it was is the site's alone to know.
        | Event::LoggedIn { .. }
        | Event::IntentExpired
        | Event::IntentConfirmed
        | Event::WebhookRedeliveryOrdered => String::new(),
    }
}

fn kin_of(quarks: Quarks) -> String {
    format!("{} kin", kin(quarks))
}
