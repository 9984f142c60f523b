//! Version 1: read, never written. It becomes version 2, which becomes the types of today. Frozen, as is what it shares with
//! version 2.
//!
//! It had no attempts: a rail reported once. Those reports are the first attempt's here. Its policies had none of the later
//! figures; they get those that the standard policy had when version 2 came.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use bincode::{BorrowDecode, Encode};

use super::DecodeError;
use super::v2::{
    self, AttemptV2, AuthorizationV2, EventV2, PolicyV2, RecordOf, RejectionV2, SubjectV2, TermsV2,
    TransactionV2,
};
use crate::event::Record;
use crate::ids::Position;

pub(super) fn decode(bytes: &[u8], position: Position) -> Result<Record, DecodeError> {
    v2::whole::<RecordV1<'_>, _>(bytes, v2::CONFIG)?.upcast().into_record(position, EventV2::into_event)
}

#[derive(Encode, BorrowDecode)]
struct RecordV1<'a> {
    recorded_at: u64,
    causation: u128,
    subject: Option<SubjectV2>,
    event: EventV1<'a>,
}

#[derive(Encode, BorrowDecode)]
enum EventV1<'a> {
    NodeInitialized { node: [u8; 32], policy: PolicyV1 },
    PolicySet { policy: PolicyV1 },
    RatesPublished { source: Cow<'a, str>, rates: Vec<([u8; 3], u64, u8)> },
    FundsDeposited { key: [u8; 32], account: [u8; 32], quarks: u64 },
    IntentCreated { terms: TermsV1, authorization: AuthorizationV2<'a>, expires_at: u64 },
    CodeScanned { authorization: AuthorizationV2<'a> },
    IntentCanceled { by: u8, authorization: AuthorizationV2<'a> },
    IntentExpired,
    IntentSubmitted { payload: Cow<'a, [u8]>, signature: [u8; 64], rule: u8 },
    SubmissionRefused { rejection: RejectionV2<'a> },
    IntentRejected { rejection: RejectionV2<'a> },
    IntentVerified { reserved: u64 },
    IntentScheduled { transactions: Vec<TransactionV2> },
    TransactionSettled { transaction: [u8; 32] },
    TransactionFailed { transaction: [u8; 32], reason: Cow<'a, str> },
    IntentConfirmed,
    IntentFailed { released: u64 },
}

#[derive(Encode, BorrowDecode)]
struct PolicyV1 {
    service_fee_hundredths: u64,
    fee_account: [u8; 32],
    fee_cap: u16,
    intent_lifetime_us: u64,
    max_intent_lifetime_us: u64,
    quote_lifetime_us: u64,
    rate_window_us: u64,
    max_payment: u64,
    max_refusals: u8,
}

#[derive(Encode, BorrowDecode)]
struct TermsV1 {
    destination: [u8; 32],
    currency: [u8; 3],
    hundredths: u64,
    fees: Vec<([u8; 32], u16)>,
    expires_at: Option<u64>,
}

impl<'a> RecordV1<'a> {
    fn upcast(self) -> RecordOf<EventV2<'a>> {
        let Self { recorded_at, causation, subject, event } = self;
        RecordOf { recorded_at, causation, subject, event: event.upcast() }
    }
}

/// Version 1's one report of a transaction.
fn first(transaction: [u8; 32]) -> AttemptV2 {
    AttemptV2 { transaction, number: 1 }
}

impl<'a> EventV1<'a> {
    fn upcast(self) -> EventV2<'a> {
        match self {
            Self::NodeInitialized { node, policy } => {
                EventV2::NodeInitialized { node, policy: policy.upcast() }
            }
            Self::PolicySet { policy } => EventV2::PolicySet { policy: policy.upcast() },
            Self::RatesPublished { source, rates } => EventV2::RatesPublished { source, rates },
            Self::FundsDeposited { key, account, quarks } => EventV2::FundsDeposited { key, account, quarks },
            Self::IntentCreated { terms, authorization, expires_at } => {
                EventV2::IntentCreated { terms: terms.upcast(), authorization, expires_at }
            }
            Self::CodeScanned { authorization } => EventV2::CodeScanned { authorization },
            Self::IntentCanceled { by, authorization } => EventV2::IntentCanceled { by, authorization },
            Self::IntentExpired => EventV2::IntentExpired,
            Self::IntentSubmitted { payload, signature, rule } => {
                EventV2::IntentSubmitted { payload, signature, rule }
            }
            Self::SubmissionRefused { rejection } => EventV2::SubmissionRefused { rejection },
            Self::IntentRejected { rejection } => EventV2::IntentRejected { rejection },
            Self::IntentVerified { reserved } => EventV2::IntentVerified { reserved },
            Self::IntentScheduled { transactions } => EventV2::IntentScheduled { transactions },
            Self::TransactionSettled { transaction } => {
                EventV2::TransactionSettled { attempt: first(transaction) }
            }
            Self::TransactionFailed { transaction, reason } => {
                EventV2::TransactionFailed { attempt: first(transaction), reason }
            }
            Self::IntentConfirmed => EventV2::IntentConfirmed,
            Self::IntentFailed { released } => EventV2::IntentFailed { released },
        }
    }
}

impl PolicyV1 {
    fn upcast(self) -> PolicyV2 {
        PolicyV2 {
            service_fee_hundredths: self.service_fee_hundredths,
            fee_account: self.fee_account,
            fee_cap: self.fee_cap,
            intent_lifetime_us: self.intent_lifetime_us,
            max_intent_lifetime_us: self.max_intent_lifetime_us,
            quote_lifetime_us: self.quote_lifetime_us,
            rate_window_us: self.rate_window_us,
            max_payment: self.max_payment,
            max_refusals: self.max_refusals,
            rate_tolerance: 0,
            payer_limits: (0, 0),
            merchant_limits: (0, 0),
            max_attempts: 32,
            max_refunds: 32,
            min_withdrawal: 100_000,
            withdrawal_limits: (0, 5),
        }
    }
}

impl TermsV1 {
    fn upcast(self) -> TermsV2 {
        let Self { destination, currency, hundredths, fees, expires_at } = self;
        TermsV2 { destination, currency, hundredths, fees, expires_at, metadata: Vec::new() }
    }
}
