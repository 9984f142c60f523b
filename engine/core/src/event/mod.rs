//! Facts, as the log keeps them.

mod kind;
mod signed;

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use crate::currency::{Currency, Rate};
use crate::ids::{
    AccountId, AttemptNumber, CausationId, DepositKey, IntentId, NodeId, Position, Revision, Signature,
    Timestamp, TransactionId,
};
use crate::login::LoginTerms;
use crate::money::Quarks;
use crate::payment::Payment;
use crate::policy::Policy;
use crate::refund::Refund;
use crate::rejection::Rejection;
use crate::site::Domain;
use crate::terms::Terms;
use crate::webhook::DeliveryOutcome;
use crate::withdrawal::Withdrawal;

pub use kind::EventKind;
pub use signed::{Authorization, CanceledBy, PaymentForm, SignatureRule, SignedForm};

/// One event with its place in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its place in the whole log.
    pub position: Position,
    /// When it was decided. Never before the record in front of it.
    pub recorded_at: Timestamp,
    /// Which input caused it.
    pub causation: CausationId,
    /// The intent it is about, if it is about one.
    pub subject: Option<Subject>,
    /// What happened.
    pub event: Event,
}

#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<Record>() <= 208, "box what makes every record large");

/// An intent and a record's place in that intent's history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The intent.
    pub intent: IntentId,
    /// 0 for its creation, then gapless.
    pub revision: Revision,
    /// The position of its record before this one; [`Position::START`] for its creation. One intent's history is a walk
    /// backwards along these, without an index.
    pub previous: Position,
}

/// A fact.
///
/// An event is in the log before anybody outside hears of it, and is never taken back.
///
/// What is large is boxed: every record goes from thread to thread by value, the smallest ones most often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The log begins. Only ever at position 1.
    NodeInitialized {
        /// Whose log it is.
        node: NodeId,
        /// The policy it begins with.
        policy: Box<Policy>,
    },
    /// Another policy is in force.
    PolicySet {
        /// The new one, whole.
        policy: Box<Policy>,
    },
    /// Exchange rates came in. They replace the ones before, which stay valid for the policy's window.
    RatesPublished {
        /// Where they came from.
        source: String,
        /// The price of one kin in each currency, in order of currency.
        rates: Vec<(Currency, Rate)>,
    },
    /// Quarks came into an account from outside.
    FundsDeposited {
        /// Makes it happen once.
        key: DepositKey,
        /// Whose.
        account: AccountId,
        /// How many.
        quarks: Quarks,
    },
    /// An account's owner takes quarks out; they are set aside.
    WithdrawalScheduled {
        /// The withdrawal, as signed.
        withdrawal: Box<Withdrawal>,
        /// The owner's signature over [`Withdrawal::signing_bytes`].
        signature: Signature,
        /// The rule the signature passed.
        rule: SignatureRule,
    },
    /// The rail reports a withdrawal as final; its quarks have left the accounts. Final.
    WithdrawalConfirmed {
        /// Its transaction.
        transaction: TransactionId,
        /// The attempt that did it.
        attempt: AttemptNumber,
    },
    /// The rail reports that a withdrawal will never happen; what was set aside is the owner's again. Final.
    WithdrawalFailed {
        /// Its transaction.
        transaction: TransactionId,
        /// The attempt that said so.
        attempt: AttemptNumber,
        /// The rail's words.
        reason: String,
        /// How much was released.
        released: Quarks,
    },
    /// A merchant asked for a payment.
    IntentCreated {
        /// What it asked for.
        terms: Box<Terms>,
        /// The rendezvous key's signature over it.
        authorization: Authorization,
        /// The deadline that the terms or the policy gave.
        expires_at: Timestamp,
    },
    /// A site asked who somebody is, and for no money.
    LoginRequested {
        /// What it asked for.
        login: Box<LoginTerms>,
        /// The rendezvous key's signature over it.
        authorization: Authorization,
        /// The deadline that the policy gave.
        expires_at: Timestamp,
    },
    /// Somebody logged in. Final.
    LoggedIn {
        /// The account that the payer is known to the site by.
        user: AccountId,
        /// That account's signature.
        authorization: Box<Authorization>,
    },
    /// A payer's app has seen the code. At most once in an intent's life.
    CodeScanned {
        /// The rendezvous key's signature.
        authorization: Authorization,
    },
    /// Payer or merchant called it off before anybody paid. Final.
    IntentCanceled {
        /// Which of the two.
        by: CanceledBy,
        /// The rendezvous key's signature.
        authorization: Authorization,
    },
    /// The deadline passed before anybody paid. Final.
    IntentExpired,
    /// A payer signed a payment for the intent.
    IntentSubmitted {
        /// The payment, as signed.
        payment: Box<Payment>,
        /// What the signature covers.
        form: PaymentForm,
        /// The payer's signature.
        signature: Signature,
        /// The rule the signature passed.
        rule: SignatureRule,
    },
    /// The submission broke a rule; the intent is open again.
    SubmissionRefused {
        /// Which rule, and how.
        rejection: Box<Rejection>,
    },
    /// The submission broke a rule that no submission can pass. Final.
    IntentRejected {
        /// Which rule, and how.
        rejection: Box<Rejection>,
    },
    /// The submission passed every rule; the payer's funds are set aside.
    IntentVerified {
        /// How much is set aside.
        reserved: Quarks,
    },
    /// The transactions that settle it are built and ordered.
    IntentScheduled {
        /// In order. Never empty; together they carry every transfer of the payment exactly once.
        transactions: Vec<Transaction>,
    },
    /// An attempt was handed to the rail; what becomes of it is not known yet. In the log before the rail has it, so that no
    /// crash can hide it.
    AttemptSent {
        /// At which transaction.
        transaction: TransactionId,
        /// Which attempt.
        attempt: AttemptNumber,
    },
    /// The rail does not say what became of an attempt. It may have succeeded and may still do: nothing is released, and no
    /// other attempt is made until the rail says.
    AttemptIndeterminate {
        /// At which transaction.
        transaction: TransactionId,
        /// Which attempt.
        attempt: AttemptNumber,
        /// The rail's words.
        reason: String,
    },
    /// The rail reports that an attempt did not and will not succeed, and that another may.
    AttemptFailed {
        /// At which transaction.
        transaction: TransactionId,
        /// Which attempt.
        attempt: AttemptNumber,
        /// The rail's words.
        reason: String,
    },
    /// The rail reports a payment's transaction as final; its quarks have moved.
    TransactionSettled {
        /// Which.
        transaction: TransactionId,
        /// The attempt that did it.
        attempt: AttemptNumber,
    },
    /// The rail reports that a payment's transaction will never happen.
    TransactionFailed {
        /// Which.
        transaction: TransactionId,
        /// The attempt that said so.
        attempt: AttemptNumber,
        /// The rail's words.
        reason: String,
    },
    /// The rail reports the opposite of what it reported as final before. Kept and shown; changes nothing: what was final stays
    /// final here, and people have to find out which word was wrong.
    SettlementContradicted {
        /// About which transaction.
        transaction: TransactionId,
        /// About which attempt.
        attempt: AttemptNumber,
        /// What stands.
        known: AttemptState,
        /// What came.
        reported: AttemptState,
        /// The rail's words; empty for a success.
        reason: String,
    },
    /// Every transaction is final. Final.
    IntentConfirmed,
    /// A transaction failed for good; what was still set aside is the payer's again. Final.
    IntentFailed {
        /// How much was released.
        released: Quarks,
    },
    /// A validly signed payment came for an intent that was not open any more. The intent stays as it is.
    LateSubmissionRefused {
        /// The payment, as signed.
        payment: Box<Payment>,
        /// What the signature covers.
        form: PaymentForm,
        /// The payer's signature.
        signature: Signature,
        /// The rule the signature passed.
        rule: SignatureRule,
        /// Why it is refused.
        rejection: Box<Rejection>,
    },
    /// The destination gives back what was paid, or part of it; the quarks are set aside from what it holds.
    RefundScheduled {
        /// The refund, as signed.
        refund: Box<Refund>,
        /// The destination's signature over [`Refund::signing_bytes`].
        signature: Signature,
        /// The rule the signature passed.
        rule: SignatureRule,
    },
    /// The rail reports a refund as final; its quarks are the payer's.
    RefundConfirmed {
        /// Its transaction.
        transaction: TransactionId,
        /// The attempt that did it.
        attempt: AttemptNumber,
    },
    /// The rail reports that a refund will never happen; what was set aside is the destination's again.
    RefundFailed {
        /// Its transaction.
        transaction: TransactionId,
        /// The attempt that said so.
        attempt: AttemptNumber,
        /// The rail's words.
        reason: String,
        /// How much was released.
        released: Quarks,
    },
    /// Somebody wants to be told when the intent is paid.
    WebhookRegistered {
        /// Where.
        url: String,
    },
    /// The server at the other end took the delivery.
    WebhookDelivered {
        /// Which attempt it was; 1 for the first.
        attempt: u8,
        /// How long it took.
        latency: Duration,
    },
    /// An attempt at a delivery failed.
    WebhookAttemptFailed {
        /// Which attempt; 1 for the first.
        attempt: u8,
        /// What came of it.
        outcome: DeliveryOutcome,
        /// How long it took.
        latency: Duration,
        /// When the next one is to be made; `None` when it was the last.
        next: Option<Timestamp>,
    },
    /// The operator wants the delivery made again, now and with every attempt.
    WebhookRedeliveryOrdered,
    /// An owner has an account that a site knows it by.
    RelationshipEstablished {
        /// Whose.
        owner: AccountId,
        /// With which site.
        domain: Domain,
        /// The account.
        authority: AccountId,
        /// The owner's signature.
        authorization: Box<Authorization>,
        /// The account's own.
        consent: Box<Authorization>,
    },
}

/// What a rail has said of one attempt at a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum AttemptState {
    /// It was handed over; nothing is known yet.
    Sent = 1,
    /// The rail does not say. Unknown is not failed.
    Indeterminate = 2,
    /// It succeeded. Final.
    Settled = 3,
    /// It did not and will not succeed; another attempt may. Final for the attempt.
    FailedRetryable = 4,
    /// It did not succeed, and no attempt at the transaction ever will. Final.
    Failed = 5,
}

impl AttemptState {
    /// Every state.
    pub const ALL: [Self; 5] =
        [Self::Sent, Self::Indeterminate, Self::Settled, Self::FailedRetryable, Self::Failed];

    /// The name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Indeterminate => "indeterminate",
            Self::Settled => "settled",
            Self::FailedRetryable => "failed_retryable",
            Self::Failed => "failed",
        }
    }
}

/// A transaction on a rail: some of a payment's transfers, all or nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// Derived from the signed payment: see [`crate::payment::transaction_id`].
    pub id: TransactionId,
    /// The index of its first transfer in the payment.
    pub first_transfer: u8,
    /// How many transfers it carries; at least one.
    pub transfers: u8,
}
