//! Facts, as the log keeps them.

use alloc::string::String;
use alloc::vec::Vec;

use crate::currency::{Currency, Rate};
use crate::ids::{
    AccountId, CausationId, DepositKey, IntentId, NodeId, Position, Revision, Signature, Timestamp,
    TransactionId,
};
use crate::money::Quarks;
use crate::payment::Payment;
use crate::policy::Policy;
use crate::rejection::Rejection;
use crate::terms::Terms;

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
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The log begins. Only ever at position 1.
    NodeInitialized {
        /// Whose log it is.
        node: NodeId,
        /// The policy it begins with.
        policy: Policy,
    },
    /// Another policy is in force.
    PolicySet {
        /// The new one, whole.
        policy: Policy,
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
    /// A merchant asked for a payment.
    IntentCreated {
        /// What it asked for.
        terms: Terms,
        /// The rendezvous key's signature over it.
        authorization: Authorization,
        /// The deadline that the terms or the policy gave.
        expires_at: Timestamp,
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
        payment: Payment,
        /// The payer's signature over [`Payment::to_bytes`].
        signature: Signature,
        /// The rule the signature passed.
        rule: SignatureRule,
    },
    /// The submission broke a rule; the intent is open again.
    SubmissionRefused {
        /// Which rule, and how.
        rejection: Rejection,
    },
    /// The submission broke a rule that no submission can pass. Final.
    IntentRejected {
        /// Which rule, and how.
        rejection: Rejection,
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
    /// The rail reports a transaction as final; its quarks have moved.
    TransactionSettled {
        /// Which.
        transaction: TransactionId,
    },
    /// The rail reports that a transaction will never happen.
    TransactionFailed {
        /// Which.
        transaction: TransactionId,
        /// The rail's words.
        reason: String,
    },
    /// Every transaction is final. Final.
    IntentConfirmed,
    /// A transaction failed for good; what was still set aside is the payer's again. Final.
    IntentFailed {
        /// How much was released.
        released: Quarks,
    },
}

impl Event {
    /// The name on the wire, such as `payment_intent.confirmed`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::NodeInitialized { .. } => "node.initialized",
            Self::PolicySet { .. } => "node.policy_set",
            Self::RatesPublished { .. } => "rates.published",
            Self::FundsDeposited { .. } => "account.deposited",
            Self::IntentCreated { .. } => "payment_intent.created",
            Self::CodeScanned { .. } => "payment_intent.code_scanned",
            Self::IntentCanceled { .. } => "payment_intent.canceled",
            Self::IntentExpired => "payment_intent.expired",
            Self::IntentSubmitted { .. } => "payment_intent.submitted",
            Self::SubmissionRefused { .. } => "payment_intent.submission_refused",
            Self::IntentRejected { .. } => "payment_intent.rejected",
            Self::IntentVerified { .. } => "payment_intent.verified",
            Self::IntentScheduled { .. } => "payment_intent.scheduled",
            Self::TransactionSettled { .. } => "payment_intent.transaction_settled",
            Self::TransactionFailed { .. } => "payment_intent.transaction_failed",
            Self::IntentConfirmed => "payment_intent.confirmed",
            Self::IntentFailed { .. } => "payment_intent.failed",
        }
    }
}

/// A signature by an intent's rendezvous key, with the very bytes it covers, so that anyone can check it later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorization {
    /// How to read the signed bytes.
    pub form: SignedForm,
    /// The rule the signature passed.
    pub rule: SignatureRule,
    /// The bytes signed.
    pub signed: Vec<u8>,
    /// The signature.
    pub signature: Signature,
}

/// How to read signed bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum SignedForm {
    /// The engine's own bytes, such as [`Terms::signing_bytes`].
    Native = 1,
    /// A serialized `code.messaging.v1.Message` (protocol e.1).
    CodeMessage = 2,
}

/// The rule that decided whether a signature is valid. In every event with a signature, so that a later rule cannot change
/// what an earlier one accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum SignatureRule {
    /// ed25519-dalek `verify_strict`: canonical encodings, no small-order keys or points, no cofactor.
    Ed25519VerifyStrict = 1,
}

/// Who called an intent off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum CanceledBy {
    /// The payer declined.
    Payer = 1,
    /// The merchant withdrew.
    Merchant = 2,
}

impl CanceledBy {
    /// The name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Payer => "payer",
            Self::Merchant => "merchant",
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
