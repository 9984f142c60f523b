//! The JSON that travels, for servers and clients alike.
//!
//! Keys, ids and signatures are base58, signed bytes base64, times RFC 3339 in UTC, amounts and rates decimal text, quarks
//! whole numbers up to 2^64 - 1: read them with 64-bit integers, since above 2^53 a floating-point reader loses the last
//! digits.

mod record;

use data_encoding::BASE64;
use quittance_core::event::{Authorization, SignatureRule, SignedForm};
use quittance_core::ids::{IntentId, Timestamp};
use quittance_core::money::Quarks;
use quittance_core::payment;
use quittance_core::state::{self, Phase, TransactionState};
use quittance_core::terms;
use serde::{Deserialize, Serialize};

pub use record::record;

/// Whose node this is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// The sequencer's public key; every payment made here names it.
    pub node: String,
    /// The program's version.
    pub version: String,
    /// The position of the last durable record.
    pub position: u64,
    /// Whether anybody may deposit.
    pub dev: bool,
}

/// An intent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// The rendezvous public key.
    pub id: String,
    /// `created`, `scheduled`, `confirmed`, `canceled`, `expired`, `rejected` or `failed`; `submitted` and `verified` are
    /// states too, but pass within one frame of the log.
    pub state: String,
    /// The position of its last record.
    pub position: u64,
    /// How many records it has, less one.
    pub revision: u32,
    /// When it was created.
    pub created_at: String,
    /// The last moment at which a payer can submit.
    pub expires_at: String,
    /// Whether a payer's app has reported its code as seen.
    pub scanned: bool,
    /// Refused submissions on record.
    pub refusals: u8,
    /// What the merchant asked for.
    pub terms: Terms,
    /// The rendezvous key's signature over it, for anyone to check.
    pub authorization: SignedBytes,
    /// Why it ended without a payment, where there is more to say than its state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The payment, once one was accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payment: Option<Payment>,
}

/// What a merchant asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// Who receives it, less the fees.
    pub destination: String,
    /// Three lower-case letters.
    pub currency: String,
    /// In the currency's major unit, with two digits behind the point.
    pub amount: String,
    /// Shares of the total for others.
    pub fees: Vec<Fee>,
}

/// A share of the total.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fee {
    /// Who receives it.
    pub destination: String,
    /// How much, in hundredths of a percent.
    pub basis_points: u16,
}

/// A signature and what it covers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedBytes {
    /// `code_message`: a serialized `code.messaging.v1.Message`; `native`: the engine's own bytes.
    pub form: String,
    /// The rule that accepted the signature.
    pub rule: String,
    /// The bytes signed, base64.
    pub signed: String,
    /// The signature.
    pub signature: String,
}

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
    /// The bytes the payer signed, base64.
    pub payload: String,
    /// The payer's signature over them.
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
}

/// What became of a request that was carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    /// The intent.
    pub id: String,
    /// Its state.
    pub state: String,
    /// The record that carried it out.
    pub position: u64,
    /// Whether the same request had been carried out before.
    pub repeated: bool,
}

/// What an account holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The account.
    pub account: String,
    /// All of it, in quarks.
    pub balance: u64,
    /// The part set aside for scheduled payments.
    pub reserved: u64,
    /// What it can still spend.
    pub available: u64,
    /// The position the figures are of.
    pub position: u64,
}

/// Quarks for an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DepositRequest {
    /// How many.
    pub quarks: u64,
    /// Makes it happen once: 1 to 255 bytes of the caller's choice.
    pub key: String,
}

/// A failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// What went wrong.
    pub error: ProblemDetail,
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProblemDetail {
    /// The rule's name, such as `funds_insufficient`.
    pub code: String,
    /// The rule's number, for rules of the engine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<u16>,
    /// All of it in one line, for people.
    pub message: String,
    /// The field at fault.
    pub field: String,
    /// What the rule wants.
    pub expected: String,
    /// What came.
    pub got: String,
    /// Whether the same request can succeed later.
    pub retry: bool,
}

/// A moment as RFC 3339 in UTC.
#[must_use]
pub fn time(at: Timestamp) -> String {
    let micros = i64::try_from(at.0).unwrap_or(i64::MAX);
    // Beyond the year 9999 there is no such text; the number of microseconds says as much.
    jiff::Timestamp::from_microsecond(micros).map_or_else(|_| at.0.to_string(), |at| at.to_string())
}

impl Intent {
    /// An intent as the state knows it.
    #[must_use]
    pub fn of(id: IntentId, intent: &state::Intent) -> Self {
        let reason = match &intent.phase {
            Phase::Canceled(by) => Some(format!("canceled by the {}", by.name())),
            Phase::Rejected(rejection) => Some(rejection.to_string()),
            Phase::Failed(settlement) => {
                settlement.transactions.iter().find_map(|known| match &known.state {
                    TransactionState::Failed { reason } => Some(reason.clone()),
                    TransactionState::Ordered | TransactionState::Settled => None,
                })
            }
            Phase::Created
            | Phase::Submitted(_)
            | Phase::Verified(_)
            | Phase::Scheduled(_)
            | Phase::Confirmed(_)
            | Phase::Expired => None,
        };
        Self {
            id: id.to_string(),
            state: intent.status().name().into(),
            position: intent.last_position.0,
            revision: intent.revision.0,
            created_at: time(intent.created_at),
            expires_at: time(intent.expires_at),
            scanned: intent.scanned.is_some(),
            refusals: intent.refusals,
            terms: Terms::from(&intent.terms),
            authorization: SignedBytes::from(&intent.authorization),
            reason,
            payment: intent.submission().map(|submission| Payment::of(submission, intent.settlement())),
        }
    }
}

impl Payment {
    fn of(submission: &state::Submission, settlement: Option<&state::Settlement>) -> Self {
        let transaction = |known: &state::ScheduledTransaction| Transaction {
            id: known.transaction.id.to_string(),
            state: match known.state {
                TransactionState::Ordered => "ordered",
                TransactionState::Settled => "settled",
                TransactionState::Failed { .. } => "failed",
            }
            .into(),
        };
        let payment = &submission.payment;
        Self {
            payer: payment.payer.to_string(),
            rate: payment.rate.to_string(),
            quarks: total(payment),
            transfers: payment.transfers.iter().map(Transfer::from).collect(),
            payload: BASE64.encode(&payment.to_bytes()),
            signature: submission.signature.to_string(),
            transactions: settlement.iter().flat_map(|known| &known.transactions).map(transaction).collect(),
        }
    }
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

impl From<&terms::Terms> for Terms {
    fn from(terms: &terms::Terms) -> Self {
        let fee = |fee: &terms::Fee| Fee {
            destination: fee.destination.to_string(),
            basis_points: fee.basis_points.get(),
        };
        Self {
            destination: terms.destination.to_string(),
            currency: terms.currency.to_string(),
            amount: terms.amount.to_string(),
            fees: terms.fees.iter().map(fee).collect(),
        }
    }
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

impl From<&Authorization> for SignedBytes {
    fn from(authorization: &Authorization) -> Self {
        Self {
            form: match authorization.form {
                SignedForm::Native => "native",
                SignedForm::CodeMessage => "code_message",
            }
            .into(),
            rule: match authorization.rule {
                SignatureRule::Ed25519VerifyStrict => "ed25519_verify_strict",
            }
            .into(),
            signed: BASE64.encode(&authorization.signed),
            signature: authorization.signature.to_string(),
        }
    }
}
