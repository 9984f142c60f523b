//! Version 2. Frozen: the order of variants and fields is the format. What it has no words for is in version 3.

mod parts;

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::ToString;
use alloc::vec::Vec;

use bincode::config::{Config, Configuration, Limit};
use bincode::enc::write::SizeWriter;
use bincode::{BorrowDecode, Encode};

use super::{DecodeError, MAX_RECORD_BYTES};
use crate::event::{Event, PaymentForm, Record, Subject, Transaction};
use crate::ids::{
    AccountId, CausationId, DepositKey, IntentId, NodeId, Position, Revision, Signature, Timestamp,
};
use crate::money::Quarks;
use crate::payment::Payment;

use parts::canceled_by;
pub(super) use parts::{AttemptV2, RejectionV2};
pub(crate) use parts::{
    AuthorizationV2, PolicyV2, RefundV2, TermsV2, TransactionV2, WithdrawalV2, attempt_state, rate,
    signature_rule,
};

/// Variable-length little-endian integers; the limit is what a decode may claim before it has read it.
pub(super) const CONFIG: Configuration<
    bincode::config::LittleEndian,
    bincode::config::Varint,
    Limit<MAX_RECORD_BYTES>,
> = bincode::config::standard().with_limit::<MAX_RECORD_BYTES>();

/// Adds the bytes of a record that this version has words for; whether it has.
pub(super) fn encode(record: &Record, out: &mut Vec<u8>) -> bool {
    let Some(event) = EventV2::of(&record.event) else { return false };
    out.extend_from_slice(&2_u16.to_le_bytes());
    write(&RecordOf::new(record, event), out);
    true
}

pub(super) fn write(twin: &impl Encode, out: &mut Vec<u8>) {
    bincode::encode_into_writer(twin, VecWriter(out), CONFIG)
        .expect("writing to memory cannot fail, and every type here has an encoding");
}

pub(super) fn decode(bytes: &[u8], position: Position) -> Result<Record, DecodeError> {
    whole::<RecordOf<EventV2<'_>>, _>(bytes, CONFIG)?.into_record(position, EventV2::into_event)
}

/// The twin that `bytes` are, and nothing else.
pub(crate) fn whole<'a, T: BorrowDecode<'a, ()> + Encode, C: Config>(
    bytes: &'a [u8],
    config: C,
) -> Result<T, DecodeError> {
    let (twin, used) = bincode::borrow_decode_from_slice(bytes, config)
        .map_err(|error| DecodeError::Malformed(error.to_string()))?;
    if used != bytes.len() {
        return Err(DecodeError::TrailingBytes { count: bytes.len() - used });
    }
    // The decoder takes an integer in more bytes than it needs; two logs of one history would have two hashes.
    let mut shortest = SizeWriter::default();
    bincode::encode_into_writer(&twin, &mut shortest, config)
        .map_err(|error| DecodeError::Malformed(error.to_string()))?;
    if shortest.bytes_written != bytes.len() {
        return Err(DecodeError::Malformed("an integer takes more bytes than it needs".to_string()));
    }
    Ok(twin)
}

struct VecWriter<'a>(&'a mut Vec<u8>);

impl bincode::enc::write::Writer for VecWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<(), bincode::error::EncodeError> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }
}

/// What versions 2 and 3 have around an event.
#[derive(Encode, BorrowDecode)]
pub(super) struct RecordOf<E> {
    pub(super) recorded_at: u64,
    pub(super) causation: u128,
    pub(super) subject: Option<SubjectV2>,
    pub(super) event: E,
}

#[derive(Encode, BorrowDecode)]
pub(super) struct SubjectV2 {
    intent: [u8; 32],
    revision: u32,
    previous: u64,
}

#[derive(Encode, BorrowDecode)]
pub(super) enum EventV2<'a> {
    NodeInitialized {
        node: [u8; 32],
        policy: PolicyV2,
    },
    PolicySet {
        policy: PolicyV2,
    },
    RatesPublished {
        source: Cow<'a, str>,
        rates: Vec<([u8; 3], u64, u8)>,
    },
    FundsDeposited {
        key: [u8; 32],
        account: [u8; 32],
        quarks: u64,
    },
    WithdrawalScheduled {
        withdrawal: WithdrawalV2<'a>,
        signature: [u8; 64],
        rule: u8,
    },
    WithdrawalConfirmed {
        attempt: AttemptV2,
    },
    WithdrawalFailed {
        attempt: AttemptV2,
        reason: Cow<'a, str>,
        released: u64,
    },
    IntentCreated {
        terms: TermsV2,
        authorization: AuthorizationV2<'a>,
        expires_at: u64,
    },
    CodeScanned {
        authorization: AuthorizationV2<'a>,
    },
    IntentCanceled {
        by: u8,
        authorization: AuthorizationV2<'a>,
    },
    IntentExpired,
    IntentSubmitted {
        payload: Cow<'a, [u8]>,
        signature: [u8; 64],
        rule: u8,
    },
    SubmissionRefused {
        rejection: RejectionV2<'a>,
    },
    IntentRejected {
        rejection: RejectionV2<'a>,
    },
    IntentVerified {
        reserved: u64,
    },
    IntentScheduled {
        transactions: Vec<TransactionV2>,
    },
    AttemptSent {
        attempt: AttemptV2,
    },
    AttemptIndeterminate {
        attempt: AttemptV2,
        reason: Cow<'a, str>,
    },
    AttemptFailed {
        attempt: AttemptV2,
        reason: Cow<'a, str>,
    },
    TransactionSettled {
        attempt: AttemptV2,
    },
    TransactionFailed {
        attempt: AttemptV2,
        reason: Cow<'a, str>,
    },
    SettlementContradicted {
        attempt: AttemptV2,
        known: u8,
        reported: u8,
        reason: Cow<'a, str>,
    },
    IntentConfirmed,
    IntentFailed {
        released: u64,
    },
    LateSubmissionRefused {
        payload: Cow<'a, [u8]>,
        signature: [u8; 64],
        rule: u8,
        rejection: RejectionV2<'a>,
    },
    RefundScheduled {
        refund: RefundV2,
        signature: [u8; 64],
        rule: u8,
    },
    RefundConfirmed {
        attempt: AttemptV2,
    },
    RefundFailed {
        attempt: AttemptV2,
        reason: Cow<'a, str>,
        released: u64,
    },
}

impl<E> RecordOf<E> {
    pub(super) fn new(record: &Record, event: E) -> Self {
        let subject = record.subject.map(|Subject { intent, revision, previous }| SubjectV2 {
            intent: intent.0,
            revision: revision.0,
            previous: previous.0,
        });
        Self { recorded_at: record.recorded_at.0, causation: record.causation.0, subject, event }
    }

    pub(super) fn into_record(
        self,
        position: Position,
        event: impl FnOnce(E) -> Result<Event, DecodeError>,
    ) -> Result<Record, DecodeError> {
        let subject = self.subject.map(|SubjectV2 { intent, revision, previous }| Subject {
            intent: IntentId(intent),
            revision: Revision(revision),
            previous: Position(previous),
        });
        Ok(Record {
            position,
            recorded_at: Timestamp(self.recorded_at),
            causation: CausationId(self.causation),
            subject,
            event: event(self.event)?,
        })
    }
}

impl<'a> EventV2<'a> {
    /// The event in this version's words, if it has any for it.
    fn of(event: &'a Event) -> Option<Self> {
        Some(match event {
            Event::NodeInitialized { node, policy } => {
                Self::NodeInitialized { node: node.0, policy: (&**policy).into() }
            }
            Event::PolicySet { policy } => Self::PolicySet { policy: (&**policy).into() },
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
            Event::WithdrawalScheduled { withdrawal, signature, rule } => Self::WithdrawalScheduled {
                withdrawal: (&**withdrawal).into(),
                signature: signature.0,
                rule: *rule as u8,
            },
            Event::WithdrawalConfirmed { transaction, attempt } => {
                Self::WithdrawalConfirmed { attempt: AttemptV2::of(*transaction, *attempt) }
            }
            Event::WithdrawalFailed { transaction, attempt, reason, released } => Self::WithdrawalFailed {
                attempt: AttemptV2::of(*transaction, *attempt),
                reason: reason.into(),
                released: released.get(),
            },
            Event::IntentCreated { terms, authorization, expires_at } if terms.site.is_none() => {
                Self::IntentCreated {
                    terms: (&**terms).into(),
                    authorization: authorization.into(),
                    expires_at: expires_at.0,
                }
            }
            Event::CodeScanned { authorization } => Self::CodeScanned { authorization: authorization.into() },
            Event::IntentCanceled { by, authorization } => {
                Self::IntentCanceled { by: *by as u8, authorization: authorization.into() }
            }
            Event::IntentExpired => Self::IntentExpired,
            Event::IntentSubmitted { payment, form: PaymentForm::Native, signature, rule } => {
                Self::IntentSubmitted {
                    payload: payment.to_bytes().into(),
                    signature: signature.0,
                    rule: *rule as u8,
                }
            }
            Event::SubmissionRefused { rejection } => {
                Self::SubmissionRefused { rejection: (&**rejection).into() }
            }
            Event::IntentRejected { rejection } => Self::IntentRejected { rejection: (&**rejection).into() },
            Event::IntentVerified { reserved } => Self::IntentVerified { reserved: reserved.get() },
            Event::IntentScheduled { transactions } => {
                Self::IntentScheduled { transactions: transactions.iter().map(Into::into).collect() }
            }
            Event::AttemptSent { transaction, attempt } => {
                Self::AttemptSent { attempt: AttemptV2::of(*transaction, *attempt) }
            }
            Event::AttemptIndeterminate { transaction, attempt, reason } => Self::AttemptIndeterminate {
                attempt: AttemptV2::of(*transaction, *attempt),
                reason: reason.into(),
            },
            Event::AttemptFailed { transaction, attempt, reason } => {
                Self::AttemptFailed { attempt: AttemptV2::of(*transaction, *attempt), reason: reason.into() }
            }
            Event::TransactionSettled { transaction, attempt } => {
                Self::TransactionSettled { attempt: AttemptV2::of(*transaction, *attempt) }
            }
            Event::TransactionFailed { transaction, attempt, reason } => Self::TransactionFailed {
                attempt: AttemptV2::of(*transaction, *attempt),
                reason: reason.into(),
            },
            Event::SettlementContradicted { transaction, attempt, known, reported, reason } => {
                Self::SettlementContradicted {
                    attempt: AttemptV2::of(*transaction, *attempt),
                    known: *known as u8,
                    reported: *reported as u8,
                    reason: reason.into(),
                }
            }
            Event::IntentConfirmed => Self::IntentConfirmed,
            Event::IntentFailed { released } => Self::IntentFailed { released: released.get() },
            Event::LateSubmissionRefused {
                payment,
                form: PaymentForm::Native,
                signature,
                rule,
                rejection,
            } => Self::LateSubmissionRefused {
                payload: payment.to_bytes().into(),
                signature: signature.0,
                rule: *rule as u8,
                rejection: (&**rejection).into(),
            },
            Event::RefundScheduled { refund, signature, rule } => Self::RefundScheduled {
                refund: (&**refund).into(),
                signature: signature.0,
                rule: *rule as u8,
            },
            Event::RefundConfirmed { transaction, attempt } => {
                Self::RefundConfirmed { attempt: AttemptV2::of(*transaction, *attempt) }
            }
            Event::RefundFailed { transaction, attempt, reason, released } => Self::RefundFailed {
                attempt: AttemptV2::of(*transaction, *attempt),
                reason: reason.into(),
                released: released.get(),
            },
            Event::IntentCreated { .. }
            | Event::IntentSubmitted { .. }
            | Event::LateSubmissionRefused { .. }
            | Event::LoginRequested { .. }
            | Event::LoggedIn { .. }
            | Event::WebhookRegistered { .. }
            | Event::WebhookDelivered { .. }
            | Event::WebhookAttemptFailed { .. }
            | Event::WebhookRedeliveryOrdered
            | Event::RelationshipEstablished { .. } => return None,
        })
    }
}

impl EventV2<'_> {
    pub(super) fn into_event(self) -> Result<Event, DecodeError> {
        Ok(match self {
            Self::NodeInitialized { node, policy } => {
                Event::NodeInitialized { node: NodeId(node), policy: policy.into_policy()?.into() }
            }
            Self::PolicySet { policy } => Event::PolicySet { policy: policy.into_policy()?.into() },
            Self::RatesPublished { source, rates } => {
                let rates = rates.into_iter().map(rate).collect::<Result<_, _>>()?;
                Event::RatesPublished { source: source.into_owned(), rates }
            }
            Self::FundsDeposited { key, account, quarks } => Event::FundsDeposited {
                key: DepositKey(key),
                account: AccountId(account),
                quarks: Quarks::new(quarks),
            },
            Self::WithdrawalScheduled { withdrawal, signature, rule } => Event::WithdrawalScheduled {
                withdrawal: Box::new(withdrawal.into()),
                signature: Signature(signature),
                rule: signature_rule(rule)?,
            },
            Self::WithdrawalConfirmed { attempt } => {
                let (transaction, attempt) = attempt.ids();
                Event::WithdrawalConfirmed { transaction, attempt }
            }
            Self::WithdrawalFailed { attempt, reason, released } => {
                let (transaction, attempt) = attempt.ids();
                Event::WithdrawalFailed {
                    transaction,
                    attempt,
                    reason: reason.into_owned(),
                    released: Quarks::new(released),
                }
            }
            Self::IntentCreated { terms, authorization, expires_at } => Event::IntentCreated {
                terms: terms.into_terms()?.into(),
                authorization: authorization.into_authorization()?,
                expires_at: Timestamp(expires_at),
            },
            Self::CodeScanned { authorization } => {
                Event::CodeScanned { authorization: authorization.into_authorization()? }
            }
            Self::IntentCanceled { by, authorization } => Event::IntentCanceled {
                by: canceled_by(by)?,
                authorization: authorization.into_authorization()?,
            },
            Self::IntentExpired => Event::IntentExpired,
            Self::IntentSubmitted { payload, signature, rule } => Event::IntentSubmitted {
                payment: payment(&payload)?.into(),
                form: PaymentForm::Native,
                signature: Signature(signature),
                rule: signature_rule(rule)?,
            },
            Self::SubmissionRefused { rejection } => {
                Event::SubmissionRefused { rejection: rejection.into_rejection()?.into() }
            }
            Self::IntentRejected { rejection } => {
                Event::IntentRejected { rejection: rejection.into_rejection()?.into() }
            }
            Self::IntentVerified { reserved } => Event::IntentVerified { reserved: Quarks::new(reserved) },
            Self::IntentScheduled { transactions } => {
                let transactions = transactions.into_iter().map(Transaction::from).collect();
                Event::IntentScheduled { transactions }
            }
            Self::AttemptSent { attempt } => {
                let (transaction, attempt) = attempt.ids();
                Event::AttemptSent { transaction, attempt }
            }
            Self::AttemptIndeterminate { attempt, reason } => {
                let (transaction, attempt) = attempt.ids();
                Event::AttemptIndeterminate { transaction, attempt, reason: reason.into_owned() }
            }
            Self::AttemptFailed { attempt, reason } => {
                let (transaction, attempt) = attempt.ids();
                Event::AttemptFailed { transaction, attempt, reason: reason.into_owned() }
            }
            Self::TransactionSettled { attempt } => {
                let (transaction, attempt) = attempt.ids();
                Event::TransactionSettled { transaction, attempt }
            }
            Self::TransactionFailed { attempt, reason } => {
                let (transaction, attempt) = attempt.ids();
                Event::TransactionFailed { transaction, attempt, reason: reason.into_owned() }
            }
            Self::SettlementContradicted { attempt, known, reported, reason } => {
                let (transaction, attempt) = attempt.ids();
                let (known, reported) = (attempt_state(known)?, attempt_state(reported)?);
                let reason = reason.into_owned();
                Event::SettlementContradicted { transaction, attempt, known, reported, reason }
            }
            Self::IntentConfirmed => Event::IntentConfirmed,
            Self::IntentFailed { released } => Event::IntentFailed { released: Quarks::new(released) },
            Self::LateSubmissionRefused { payload, signature, rule, rejection } => {
                Event::LateSubmissionRefused {
                    payment: payment(&payload)?.into(),
                    form: PaymentForm::Native,
                    signature: Signature(signature),
                    rule: signature_rule(rule)?,
                    rejection: rejection.into_rejection()?.into(),
                }
            }
            Self::RefundScheduled { refund, signature, rule } => Event::RefundScheduled {
                refund: Box::new(refund.into()),
                signature: Signature(signature),
                rule: signature_rule(rule)?,
            },
            Self::RefundConfirmed { attempt } => {
                let (transaction, attempt) = attempt.ids();
                Event::RefundConfirmed { transaction, attempt }
            }
            Self::RefundFailed { attempt, reason, released } => {
                let (transaction, attempt) = attempt.ids();
                Event::RefundFailed {
                    transaction,
                    attempt,
                    reason: reason.into_owned(),
                    released: Quarks::new(released),
                }
            }
        })
    }
}

pub(super) fn payment(payload: &[u8]) -> Result<Payment, DecodeError> {
    Payment::from_bytes(payload).map_err(|malformed| DecodeError::OutOfRange { field: malformed.field })
}
