use data_encoding::BASE64;
use quittance_core::event::PaymentForm;
use quittance_core::money::Quarks;
use quittance_core::payment;
use quittance_core::state::{self, Progress, TransactionState};
use serde::{Deserialize, Serialize};

use super::time;

/// A payment that was accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// Who pays.
    pub payer: String,
    /// The price of one kin in the intent's currency.
    pub rate: String,
    /// Everything the payer loses.
    pub quarks: u64,
    /// Where it goes.
    pub transfers: Vec<Transfer>,
    /// The payment in its canonical encoding, base64: what the payer signed, unless `submit_actions` is there.
    pub payload: String,
    /// What the payer signed instead, through the official protocol: a serialized `SubmitActions` without its signature, base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub submit_actions: Option<String>,
    /// The payer's signature over what it signed.
    pub signature: String,
    /// What carries it out.
    pub transactions: Vec<Transaction>,
}

/// Quarks for one account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transfer {
    /// `service_fee`, `fee` or `destination`.
    pub purpose: String,
    /// Who receives them.
    pub destination: String,
    /// How many.
    pub quarks: u64,
}

/// A transaction on a rail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transaction {
    /// Its id.
    pub id: String,
    /// `ordered`, `settled` or `failed`.
    pub state: String,
    /// Every attempt at it that the rail has spoken of, in order.
    pub attempts: Vec<Attempt>,
    /// How often the rail has said the opposite of what it had said was final; people have to find out which was wrong.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub contradictions: u8,
}

/// An attempt at a transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// From 1.
    pub number: u16,
    /// `sent`, `indeterminate`, `settled`, `failed_retryable` or `failed`.
    pub state: String,
    /// The rail's words; may be empty.
    pub reason: String,
}

/// Quarks that go back to the payer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    /// What makes it happen once.
    pub key: String,
    /// How many.
    pub quarks: u64,
    /// `ordered`, `settled` or `failed`.
    pub state: String,
    /// The transaction that carries it out.
    pub transaction: String,
    /// Every attempt at it that the rail has spoken of, in order.
    pub attempts: Vec<Attempt>,
    /// How often the rail has said the opposite of what it had said was final.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub contradictions: u8,
}

/// A signed refund.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefundRequest {
    /// Who gives: the intent's destination.
    pub merchant: String,
    /// Makes it happen once: 32 bytes in base58, of the merchant's choice.
    pub key: String,
    /// How many quarks.
    pub quarks: u64,
    /// The merchant's signature over the refund in the engine's own form.
    pub signature: String,
    /// Refuse it if the intent has another revision by now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_revision: Option<u32>,
}

/// What a payer asks to be quoted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuoteRequest {
    /// The payer's public key.
    pub payer: String,
}

/// What a payer would sign.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    /// The price of one kin in the intent's currency.
    pub rate: String,
    /// The last moment at which the payment is accepted.
    pub valid_until: String,
    /// Everything the payer would lose.
    pub quarks: u64,
    /// Where it would go.
    pub transfers: Vec<Transfer>,
    /// The exact bytes to sign, base64. They say everything above; a careful payer decodes them and signs what it read.
    pub payload: String,
}

/// A signed payment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Submission {
    /// The payer's public key.
    pub payer: String,
    /// The quote's bytes, base64.
    pub payload: String,
    /// The payer's signature over them.
    pub signature: String,
    /// Refuse it if the intent has another revision by now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_revision: Option<u32>,
}

impl Payment {
    pub(super) fn of(submission: &state::Submission, settlement: Option<&state::Settlement>) -> Self {
        let transaction = |known: &state::ScheduledTransaction| Transaction {
            id: known.transaction.id.to_string(),
            state: state_name(&known.progress).into(),
            attempts: attempts(&known.progress),
            contradictions: known.progress.contradictions(),
        };
        let payment = &submission.payment;
        Self {
            payer: payment.payer.to_string(),
            rate: payment.rate.to_string(),
            quarks: total(payment),
            transfers: payment.transfers.iter().map(Transfer::from).collect(),
            payload: BASE64.encode(&payment.to_bytes()),
            submit_actions: match &submission.form {
                PaymentForm::Native => None,
                PaymentForm::CodeSubmitActions(signed) => Some(BASE64.encode(signed)),
            },
            signature: submission.signature.to_string(),
            transactions: settlement.iter().flat_map(|known| &known.transactions).map(transaction).collect(),
        }
    }
}

impl From<&state::ScheduledRefund> for Refund {
    fn from(known: &state::ScheduledRefund) -> Self {
        Self {
            key: known.refund.key.to_string(),
            quarks: known.refund.quarks.get(),
            state: state_name(&known.progress).into(),
            transaction: known.refund.transaction().to_string(),
            attempts: attempts(&known.progress),
            contradictions: known.progress.contradictions(),
        }
    }
}

pub(super) fn state_name(progress: &Progress) -> &'static str {
    match progress.state() {
        TransactionState::Ordered => "ordered",
        TransactionState::Settled => "settled",
        TransactionState::Failed { .. } => "failed",
    }
}

pub(super) fn attempts(progress: &Progress) -> Vec<Attempt> {
    let attempt = |(number, known): (u16, &state::Attempt)| Attempt {
        number,
        state: known.state.name().into(),
        reason: known.reason.clone(),
    };
    (1..).zip(progress.attempts()).map(attempt).collect()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes every field by reference")]
pub(super) fn is_zero(count: &u8) -> bool {
    *count == 0
}

impl Quote {
    /// A payment as a quote for it.
    #[must_use]
    pub fn of(payment: &payment::Payment) -> Self {
        Self {
            rate: payment.rate.to_string(),
            valid_until: time(payment.valid_until),
            quarks: total(payment),
            transfers: payment.transfers.iter().map(Transfer::from).collect(),
            payload: BASE64.encode(&payment.to_bytes()),
        }
    }
}

fn total(payment: &payment::Payment) -> u64 {
    payment.total().map_or(u64::MAX, Quarks::get)
}

impl From<&payment::Transfer> for Transfer {
    fn from(transfer: &payment::Transfer) -> Self {
        Self {
            purpose: transfer.purpose.name().into(),
            destination: transfer.destination.to_string(),
            quarks: transfer.quarks.get(),
        }
    }
}
