//! Version 1. Frozen: the order of variants and fields is the format. What changes becomes version 2.

use alloc::borrow::Cow;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use bincode::config::{Configuration, Limit};
use bincode::{BorrowDecode, Encode};

use super::{DecodeError, MAX_RECORD_BYTES};
use crate::currency::{Currency, Rate};
use crate::event::{
    Authorization, CanceledBy, Event, Record, SignatureRule, SignedForm, Subject, Transaction,
};
use crate::ids::{
    AccountId, CausationId, DepositKey, IntentId, NodeId, Position, Revision, Signature, Timestamp,
    TransactionId,
};
use crate::money::{BasisPoints, NativeAmount, Quarks};
use crate::payment::Payment;
use crate::policy::Policy;
use crate::rejection::{Rejection, RejectionCode};
use crate::terms::{Fee, Terms};

/// Variable-length little-endian integers; the limit is what a decode may claim before it has read it.
const CONFIG: Configuration<bincode::config::LittleEndian, bincode::config::Varint, Limit<MAX_RECORD_BYTES>> =
    bincode::config::standard().with_limit::<MAX_RECORD_BYTES>();

pub(super) fn encode(record: &Record, out: &mut Vec<u8>) {
    let twin = RecordV1::from(record);
    bincode::encode_into_writer(&twin, VecWriter(out), CONFIG)
        .expect("writing to memory cannot fail, and every type here has an encoding");
}

pub(super) fn decode(bytes: &[u8], position: Position) -> Result<Record, DecodeError> {
    let (twin, used): (RecordV1<'_>, usize) = bincode::borrow_decode_from_slice(bytes, CONFIG)
        .map_err(|error| DecodeError::Malformed(error.to_string()))?;
    if used != bytes.len() {
        return Err(DecodeError::TrailingBytes { count: bytes.len() - used });
    }
    twin.into_record(position)
}

struct VecWriter<'a>(&'a mut Vec<u8>);

impl bincode::enc::write::Writer for VecWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<(), bincode::error::EncodeError> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }
}

#[derive(Encode, BorrowDecode)]
struct RecordV1<'a> {
    recorded_at: u64,
    causation: u128,
    subject: Option<SubjectV1>,
    event: EventV1<'a>,
}

#[derive(Encode, BorrowDecode)]
struct SubjectV1 {
    intent: [u8; 32],
    revision: u32,
    previous: u64,
}

#[derive(Encode, BorrowDecode)]
enum EventV1<'a> {
    NodeInitialized { node: [u8; 32], policy: PolicyV1 },
    PolicySet { policy: PolicyV1 },
    RatesPublished { source: Cow<'a, str>, rates: Vec<([u8; 3], u64, u8)> },
    FundsDeposited { key: [u8; 32], account: [u8; 32], quarks: u64 },
    IntentCreated { terms: TermsV1, authorization: AuthorizationV1<'a>, expires_at: u64 },
    CodeScanned { authorization: AuthorizationV1<'a> },
    IntentCanceled { by: u8, authorization: AuthorizationV1<'a> },
    IntentExpired,
    IntentSubmitted { payload: Cow<'a, [u8]>, signature: [u8; 64], rule: u8 },
    SubmissionRefused { rejection: RejectionV1<'a> },
    IntentRejected { rejection: RejectionV1<'a> },
    IntentVerified { reserved: u64 },
    IntentScheduled { transactions: Vec<TransactionV1> },
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

#[derive(Encode, BorrowDecode)]
struct AuthorizationV1<'a> {
    form: u8,
    rule: u8,
    signed: Cow<'a, [u8]>,
    signature: [u8; 64],
}

#[derive(Encode, BorrowDecode)]
struct RejectionV1<'a> {
    code: u16,
    field: Cow<'a, str>,
    expected: Cow<'a, str>,
    got: Cow<'a, str>,
}

#[derive(Encode, BorrowDecode)]
struct TransactionV1 {
    id: [u8; 32],
    first_transfer: u8,
    transfers: u8,
}

impl<'a> From<&'a Record> for RecordV1<'a> {
    fn from(record: &'a Record) -> Self {
        let subject = record.subject.map(|Subject { intent, revision, previous }| SubjectV1 {
            intent: intent.0,
            revision: revision.0,
            previous: previous.0,
        });
        Self {
            recorded_at: record.recorded_at.0,
            causation: record.causation.0,
            subject,
            event: EventV1::from(&record.event),
        }
    }
}

impl RecordV1<'_> {
    fn into_record(self, position: Position) -> Result<Record, DecodeError> {
        let subject = self.subject.map(|SubjectV1 { intent, revision, previous }| Subject {
            intent: IntentId(intent),
            revision: Revision(revision),
            previous: Position(previous),
        });
        Ok(Record {
            position,
            recorded_at: Timestamp(self.recorded_at),
            causation: CausationId(self.causation),
            subject,
            event: self.event.into_event()?,
        })
    }
}

impl<'a> From<&'a Event> for EventV1<'a> {
    fn from(event: &'a Event) -> Self {
        match event {
            Event::NodeInitialized { node, policy } => {
                Self::NodeInitialized { node: node.0, policy: policy.into() }
            }
            Event::PolicySet { policy } => Self::PolicySet { policy: policy.into() },
            Event::RatesPublished { source, rates } => Self::RatesPublished {
                source: source.into(),
                rates: rates
                    .iter()
                    .map(|(code, rate)| (code.code(), rate.mantissa(), rate.scale()))
                    .collect(),
            },
            Event::FundsDeposited { key, account, quarks } => {
                Self::FundsDeposited { key: key.0, account: account.0, quarks: quarks.get() }
            }
            Event::IntentCreated { terms, authorization, expires_at } => Self::IntentCreated {
                terms: terms.into(),
                authorization: authorization.into(),
                expires_at: expires_at.0,
            },
            Event::CodeScanned { authorization } => Self::CodeScanned { authorization: authorization.into() },
            Event::IntentCanceled { by, authorization } => {
                Self::IntentCanceled { by: *by as u8, authorization: authorization.into() }
            }
            Event::IntentExpired => Self::IntentExpired,
            Event::IntentSubmitted { payment, signature, rule } => Self::IntentSubmitted {
                payload: payment.to_bytes().into(),
                signature: signature.0,
                rule: *rule as u8,
            },
            Event::SubmissionRefused { rejection } => Self::SubmissionRefused { rejection: rejection.into() },
            Event::IntentRejected { rejection } => Self::IntentRejected { rejection: rejection.into() },
            Event::IntentVerified { reserved } => Self::IntentVerified { reserved: reserved.get() },
            Event::IntentScheduled { transactions } => {
                Self::IntentScheduled { transactions: transactions.iter().map(Into::into).collect() }
            }
            Event::TransactionSettled { transaction } => {
                Self::TransactionSettled { transaction: transaction.0 }
            }
            Event::TransactionFailed { transaction, reason } => {
                Self::TransactionFailed { transaction: transaction.0, reason: reason.into() }
            }
            Event::IntentConfirmed => Self::IntentConfirmed,
            Event::IntentFailed { released } => Self::IntentFailed { released: released.get() },
        }
    }
}

impl EventV1<'_> {
    fn into_event(self) -> Result<Event, DecodeError> {
        Ok(match self {
            Self::NodeInitialized { node, policy } => {
                Event::NodeInitialized { node: NodeId(node), policy: policy.into_policy()? }
            }
            Self::PolicySet { policy } => Event::PolicySet { policy: policy.into_policy()? },
            Self::RatesPublished { source, rates } => {
                let rates = rates.into_iter().map(rate).collect::<Result<_, _>>()?;
                Event::RatesPublished { source: source.into_owned(), rates }
            }
            Self::FundsDeposited { key, account, quarks } => Event::FundsDeposited {
                key: DepositKey(key),
                account: AccountId(account),
                quarks: Quarks::new(quarks),
            },
            Self::IntentCreated { terms, authorization, expires_at } => Event::IntentCreated {
                terms: terms.into_terms()?,
                authorization: authorization.into_authorization()?,
                expires_at: Timestamp(expires_at),
            },
            Self::CodeScanned { authorization } => {
                Event::CodeScanned { authorization: authorization.into_authorization()? }
            }
            Self::IntentCanceled { by, authorization } => Event::IntentCanceled {
                by: [CanceledBy::Payer, CanceledBy::Merchant]
                    .into_iter()
                    .find(|known| *known as u8 == by)
                    .ok_or(DecodeError::OutOfRange { field: "by" })?,
                authorization: authorization.into_authorization()?,
            },
            Self::IntentExpired => Event::IntentExpired,
            Self::IntentSubmitted { payload, signature, rule } => Event::IntentSubmitted {
                payment: Payment::from_bytes(&payload)
                    .map_err(|malformed| DecodeError::OutOfRange { field: malformed.field })?,
                signature: Signature(signature),
                rule: signature_rule(rule)?,
            },
            Self::SubmissionRefused { rejection } => {
                Event::SubmissionRefused { rejection: rejection.into_rejection()? }
            }
            Self::IntentRejected { rejection } => {
                Event::IntentRejected { rejection: rejection.into_rejection()? }
            }
            Self::IntentVerified { reserved } => Event::IntentVerified { reserved: Quarks::new(reserved) },
            Self::IntentScheduled { transactions } => {
                let transactions = transactions.into_iter().map(Transaction::from).collect();
                Event::IntentScheduled { transactions }
            }
            Self::TransactionSettled { transaction } => {
                Event::TransactionSettled { transaction: TransactionId(transaction) }
            }
            Self::TransactionFailed { transaction, reason } => Event::TransactionFailed {
                transaction: TransactionId(transaction),
                reason: reason.into_owned(),
            },
            Self::IntentConfirmed => Event::IntentConfirmed,
            Self::IntentFailed { released } => Event::IntentFailed { released: Quarks::new(released) },
        })
    }
}

fn rate((code, mantissa, scale): ([u8; 3], u64, u8)) -> Result<(Currency, Rate), DecodeError> {
    let currency = Currency::new(code).ok_or(DecodeError::OutOfRange { field: "rates.currency" })?;
    // Another spelling of the same rate would make two logs of one history.
    let rate = Rate::new(mantissa, scale)
        .filter(|rate| (rate.mantissa(), rate.scale()) == (mantissa, scale))
        .ok_or(DecodeError::OutOfRange { field: "rates.rate" })?;
    Ok((currency, rate))
}

fn signature_rule(rule: u8) -> Result<SignatureRule, DecodeError> {
    match rule {
        1 => Ok(SignatureRule::Ed25519VerifyStrict),
        _ => Err(DecodeError::OutOfRange { field: "rule" }),
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

impl From<&Policy> for PolicyV1 {
    fn from(policy: &Policy) -> Self {
        Self {
            service_fee_hundredths: policy.service_fee.map_or(0, NativeAmount::hundredths),
            fee_account: policy.fee_account.0,
            fee_cap: policy.fee_cap.get(),
            intent_lifetime_us: micros(policy.intent_lifetime),
            max_intent_lifetime_us: micros(policy.max_intent_lifetime),
            quote_lifetime_us: micros(policy.quote_lifetime),
            rate_window_us: micros(policy.rate_window),
            max_payment: policy.max_payment.get(),
            max_refusals: policy.max_refusals,
        }
    }
}

impl PolicyV1 {
    fn into_policy(self) -> Result<Policy, DecodeError> {
        let service_fee = match self.service_fee_hundredths {
            0 => None,
            some => Some(
                NativeAmount::from_hundredths(some)
                    .ok_or(DecodeError::OutOfRange { field: "policy.service_fee" })?,
            ),
        };
        Ok(Policy {
            service_fee,
            fee_account: AccountId(self.fee_account),
            fee_cap: basis_points(self.fee_cap)?,
            intent_lifetime: Duration::from_micros(self.intent_lifetime_us),
            max_intent_lifetime: Duration::from_micros(self.max_intent_lifetime_us),
            quote_lifetime: Duration::from_micros(self.quote_lifetime_us),
            rate_window: Duration::from_micros(self.rate_window_us),
            max_payment: Quarks::new(self.max_payment),
            max_refusals: self.max_refusals,
        })
    }
}

fn basis_points(bps: u16) -> Result<BasisPoints, DecodeError> {
    BasisPoints::new(u32::from(bps)).ok_or(DecodeError::OutOfRange { field: "basis_points" })
}

impl From<&Terms> for TermsV1 {
    fn from(terms: &Terms) -> Self {
        Self {
            destination: terms.destination.0,
            currency: terms.currency.code(),
            hundredths: terms.amount.hundredths(),
            fees: terms.fees.iter().map(|fee| (fee.destination.0, fee.basis_points.get())).collect(),
            expires_at: terms.expires_at.map(|at| at.0),
        }
    }
}

impl TermsV1 {
    fn into_terms(self) -> Result<Terms, DecodeError> {
        let fee = |(destination, bps): ([u8; 32], u16)| {
            Ok(Fee { destination: AccountId(destination), basis_points: basis_points(bps)? })
        };
        Ok(Terms {
            destination: AccountId(self.destination),
            currency: Currency::new(self.currency).ok_or(DecodeError::OutOfRange { field: "currency" })?,
            amount: NativeAmount::from_hundredths(self.hundredths)
                .ok_or(DecodeError::OutOfRange { field: "amount" })?,
            fees: self.fees.into_iter().map(fee).collect::<Result<_, _>>()?,
            expires_at: self.expires_at.map(Timestamp),
        })
    }
}

impl<'a> From<&'a Authorization> for AuthorizationV1<'a> {
    fn from(authorization: &'a Authorization) -> Self {
        Self {
            form: authorization.form as u8,
            rule: authorization.rule as u8,
            signed: Cow::Borrowed(&authorization.signed),
            signature: authorization.signature.0,
        }
    }
}

impl AuthorizationV1<'_> {
    fn into_authorization(self) -> Result<Authorization, DecodeError> {
        Ok(Authorization {
            form: [SignedForm::Native, SignedForm::CodeMessage]
                .into_iter()
                .find(|known| *known as u8 == self.form)
                .ok_or(DecodeError::OutOfRange { field: "form" })?,
            rule: signature_rule(self.rule)?,
            signed: self.signed.into_owned(),
            signature: Signature(self.signature),
        })
    }
}

impl<'a> From<&'a Rejection> for RejectionV1<'a> {
    fn from(rejection: &'a Rejection) -> Self {
        Self {
            code: rejection.code.number(),
            field: Cow::Borrowed(&rejection.field),
            expected: Cow::Borrowed(&rejection.expected),
            got: Cow::Borrowed(&rejection.got),
        }
    }
}

impl RejectionV1<'_> {
    fn into_rejection(self) -> Result<Rejection, DecodeError> {
        let code = RejectionCode::from_number(self.code)
            .ok_or(DecodeError::OutOfRange { field: "rejection.code" })?;
        let owned = |text: Cow<'_, str>| -> String { text.into_owned() };
        Ok(Rejection { code, field: owned(self.field), expected: owned(self.expected), got: owned(self.got) })
    }
}

impl From<&Transaction> for TransactionV1 {
    fn from(transaction: &Transaction) -> Self {
        let Transaction { id, first_transfer, transfers } = *transaction;
        Self { id: id.0, first_transfer, transfers }
    }
}

impl From<TransactionV1> for Transaction {
    fn from(TransactionV1 { id, first_transfer, transfers }: TransactionV1) -> Self {
        Self { id: TransactionId(id), first_transfer, transfers }
    }
}
