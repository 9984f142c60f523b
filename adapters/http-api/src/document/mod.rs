//! The JSON that travels, for servers and clients alike.
//!
//! Keys, ids and signatures are base58, signed bytes base64, times RFC 3339 in UTC, amounts and rates decimal text, quarks
//! whole numbers up to 2^64 - 1: read them with 64-bit integers, since above 2^53 a floating-point reader loses the last
//! digits.

mod amount;
mod intent;
mod payment;
mod record;
mod terms;
mod webhook;
pub mod why;
mod withdrawal;

use quittance_core::ids::Timestamp;
use serde::{Deserialize, Serialize};

pub use amount::{AmountError, amount, decimals, read_amount};
pub use intent::{Accepted, CreateRequest, Intent, SignedBytes};
pub use payment::{
    Attempt, Payment, Quote, QuoteRequest, Refund, RefundRequest, Submission, Transaction, Transfer,
};
pub use record::{public_record, record};
pub use terms::{Fee, Site, Terms, TermsError};
pub use webhook::{DeliveryAttempt, Webhook};
pub use withdrawal::{Withdrawal, WithdrawalRequest};

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

/// What an account holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The account.
    pub account: String,
    /// All of it, in quarks.
    pub balance: u64,
    /// The part set aside for scheduled payments, refunds and withdrawals.
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
