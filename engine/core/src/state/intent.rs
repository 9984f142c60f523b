use alloc::boxed::Box;
use alloc::vec::Vec;

use super::{Progress, TransactionState};
use crate::event::{Authorization, CanceledBy, PaymentForm, SignatureRule, Subject, Transaction};
use crate::ids::{IntentId, Position, Revision, Signature, Timestamp, TransactionId};
use crate::login::{LoggedIn, LoginTerms};
use crate::money::Quarks;
use crate::payment::{Payment, Transfer};
use crate::refund::Refund;
use crate::rejection::Rejection;
use crate::site::Domain;
use crate::terms::Terms;
use crate::webhook::Webhook;

/// What is known of one intent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent {
    /// What the merchant asked for.
    pub asked: Asked,
    /// The rendezvous key's signature over it.
    pub authorization: Authorization,
    /// When it was created.
    pub created_at: Timestamp,
    /// Where its creation is in the log.
    pub created: Position,
    /// The last moment at which a payer can submit.
    pub expires_at: Timestamp,
    /// Where the scan of its code is in the log, if it was scanned.
    pub scanned: Option<Position>,
    /// Refused submissions on record; never more than a policy's `max_refusals` at the time.
    pub refusals: u8,
    /// The revision of its last record.
    pub revision: Revision,
    /// The position of its last record.
    pub last_position: Position,
    /// Where in the log it came to the state it is in for good, if it did.
    pub ended: Option<Position>,
    /// Where it is in its life.
    pub phase: Phase,
    /// What was given back, or is being; only ever of a confirmed intent. In order, never more than a policy's
    /// `max_refunds` at the time.
    pub refunds: Vec<ScheduledRefund>,
    /// Who is to be told when it is paid, if somebody is.
    pub webhook: Option<Box<Webhook>>,
}

/// What an intent asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// A payment; with a verified site in its terms also who pays it.
    Payment(Terms),
    /// Who somebody is, and no money.
    Login(Box<LoginTerms>),
}

/// Where an intent is in its life, with what is known only there. In boxes, so that the many intents that nobody has paid yet
/// take no room for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Open: a payer may submit.
    Created,
    /// A payer's signed payment is in; the rules have not been applied. Never seen between two inputs.
    Submitted(Box<Submission>),
    /// The rules passed and funds are set aside. Never seen between two inputs.
    Verified(Box<Submission>),
    /// Transactions are with the rail.
    Scheduled(Box<Settlement>),
    /// Every transaction is final.
    Confirmed(Box<Settlement>),
    /// Called off.
    Canceled(CanceledBy),
    /// Nobody paid in time.
    Expired,
    /// No submission can pass.
    Rejected(Box<Rejection>),
    /// A transaction failed for good.
    Failed(Box<Settlement>),
    /// Somebody logged in, where that was all that was asked for. By name it is confirmed.
    LoggedIn(Box<LoggedIn>),
}

/// A payer's signed payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    /// The payment.
    pub payment: Payment,
    /// What the payer's signature covers.
    pub form: PaymentForm,
    /// The payer's signature.
    pub signature: Signature,
    /// The rule the signature passed.
    pub rule: SignatureRule,
    /// Where it is in the log.
    pub position: Position,
    /// When it came in.
    pub at: Timestamp,
}

/// A payment and the transactions that carry it out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// The payment.
    pub submission: Submission,
    /// Where the order of its transactions is in the log.
    pub scheduled: Position,
    /// Its transactions, in order.
    pub transactions: Vec<ScheduledTransaction>,
}

/// A transaction and what the rail has said of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduledTransaction {
    /// The transaction.
    pub transaction: Transaction,
    /// How far it has come.
    pub progress: Progress,
}

/// A refund, which is one transaction, and what the rail has said of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduledRefund {
    /// The refund.
    pub refund: Refund,
    /// Where its order is in the log.
    pub scheduled: Position,
    /// How far it has come.
    pub progress: Progress,
}

/// An intent's phase by name alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each is the phase of the same name")]
pub enum Status {
    Created,
    Submitted,
    Verified,
    Scheduled,
    Confirmed,
    Canceled,
    Expired,
    Rejected,
    Failed,
}

impl Status {
    /// Every status, along the main line first.
    pub const ALL: [Self; 9] = [
        Self::Created,
        Self::Submitted,
        Self::Verified,
        Self::Scheduled,
        Self::Confirmed,
        Self::Canceled,
        Self::Expired,
        Self::Rejected,
        Self::Failed,
    ];

    /// The name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Submitted => "submitted",
            Self::Verified => "verified",
            Self::Scheduled => "scheduled",
            Self::Confirmed => "confirmed",
            Self::Canceled => "canceled",
            Self::Expired => "expired",
            Self::Rejected => "rejected",
            Self::Failed => "failed",
        }
    }

    /// Whether nothing changes the status any more.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        match self {
            Self::Created | Self::Submitted | Self::Verified | Self::Scheduled => false,
            Self::Confirmed | Self::Canceled | Self::Expired | Self::Rejected | Self::Failed => true,
        }
    }
}

impl Intent {
    /// What a payer is to pay; `None` where it only asks who somebody is.
    #[must_use]
    pub fn terms(&self) -> Option<&Terms> {
        match &self.asked {
            Asked::Payment(terms) => Some(terms),
            Asked::Login(_) => None,
        }
    }

    /// The domain that it asks to log in to; `None` where it does not.
    #[must_use]
    pub fn login_domain(&self) -> Option<&Domain> {
        match &self.asked {
            Asked::Payment(terms) => {
                terms.site.as_ref().filter(|site| site.verifier.is_some()).map(|site| &site.domain)
            }
            Asked::Login(login) => Some(&login.domain),
        }
    }

    /// Who logged in, where that was all that was asked for.
    #[must_use]
    pub fn logged_in(&self) -> Option<&LoggedIn> {
        match &self.phase {
            Phase::LoggedIn(login) => Some(login),
            _ => None,
        }
    }

    /// Whether somebody has done what it asks for: paid, whatever became of that later, or logged in.
    #[must_use]
    pub fn is_submitted(&self) -> bool {
        self.submission().is_some() || self.logged_in().is_some()
    }

    /// When the next attempt at its webhook is to be made, if there is one.
    #[must_use]
    pub fn delivery_due(&self) -> Option<Timestamp> {
        self.webhook.as_ref().and_then(|webhook| webhook.due())
    }

    /// The phase by name alone.
    #[must_use]
    pub fn status(&self) -> Status {
        self.phase.status()
    }

    /// The payment that was accepted for it, if one was.
    #[must_use]
    pub fn submission(&self) -> Option<&Submission> {
        match &self.phase {
            Phase::Submitted(submission) | Phase::Verified(submission) => Some(submission),
            Phase::Scheduled(settlement) | Phase::Confirmed(settlement) | Phase::Failed(settlement) => {
                Some(&settlement.submission)
            }
            Phase::Created
            | Phase::Canceled(_)
            | Phase::Expired
            | Phase::Rejected(_)
            | Phase::LoggedIn(_) => None,
        }
    }

    /// The transactions that carry out its payment, if it got that far.
    #[must_use]
    pub fn settlement(&self) -> Option<&Settlement> {
        match &self.phase {
            Phase::Scheduled(settlement) | Phase::Confirmed(settlement) | Phase::Failed(settlement) => {
                Some(settlement)
            }
            Phase::Created
            | Phase::Submitted(_)
            | Phase::Verified(_)
            | Phase::Canceled(_)
            | Phase::Expired
            | Phase::Rejected(_)
            | Phase::LoggedIn(_) => None,
        }
    }

    /// The refund that a transaction carries out.
    #[must_use]
    pub fn refund(&self, transaction: TransactionId) -> Option<&ScheduledRefund> {
        self.refunds.iter().find(|scheduled| scheduled.refund.transaction() == transaction)
    }

    /// What was given back or may still be: every refund that has not failed.
    #[must_use]
    pub fn refunded(&self) -> Quarks {
        let failed = |scheduled: &&ScheduledRefund| {
            !matches!(scheduled.progress.state(), TransactionState::Failed { .. })
        };
        let quarks = self.refunds.iter().filter(failed).map(|scheduled| scheduled.refund.quarks);
        // At most what was paid, which is checked before a refund is accepted.
        Quarks::checked_sum(quarks).unwrap_or(Quarks::MAX)
    }

    /// The place of its next record in its history.
    pub(crate) fn next(&self, intent: IntentId) -> Subject {
        Subject { intent, revision: self.revision.next(), previous: self.last_position }
    }

    /// Whether nothing about it is under way: no payer can come, no rail has anything left to say, and nobody is still to be
    /// told.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.is_settled() && self.delivery_due().is_none()
    }

    /// Whether it would have ended if there were not somebody still to be told.
    #[must_use]
    pub fn is_undelivered(&self) -> bool {
        self.is_settled() && self.delivery_due().is_some()
    }

    fn is_settled(&self) -> bool {
        self.status().is_terminal() && !self.is_unsettled()
    }

    /// Whether a rail still has something to say about it.
    #[must_use]
    pub fn is_unsettled(&self) -> bool {
        let open = |scheduled: &ScheduledRefund| scheduled.progress.state() == TransactionState::Ordered;
        matches!(self.phase, Phase::Scheduled(_)) || self.refunds.iter().any(open)
    }
}

impl Phase {
    pub(crate) fn status(&self) -> Status {
        match self {
            Self::Created => Status::Created,
            Self::Submitted(_) => Status::Submitted,
            Self::Verified(_) => Status::Verified,
            Self::Scheduled(_) => Status::Scheduled,
            Self::Confirmed(_) | Self::LoggedIn(_) => Status::Confirmed,
            Self::Canceled(_) => Status::Canceled,
            Self::Expired => Status::Expired,
            Self::Rejected(_) => Status::Rejected,
            Self::Failed(_) => Status::Failed,
        }
    }
}

impl Settlement {
    /// The transaction with this id.
    #[must_use]
    pub fn transaction(&self, id: TransactionId) -> Option<&ScheduledTransaction> {
        self.transactions.iter().find(|scheduled| scheduled.transaction.id == id)
    }

    pub(crate) fn transaction_mut(&mut self, id: TransactionId) -> Option<&mut ScheduledTransaction> {
        self.transactions.iter_mut().find(|scheduled| scheduled.transaction.id == id)
    }

    /// The transfers that a transaction carries.
    #[must_use]
    pub fn transfers(&self, transaction: &Transaction) -> &[Transfer] {
        let first = usize::from(transaction.first_transfer);
        let range = first..first + usize::from(transaction.transfers);
        self.submission.payment.transfers.get(range).unwrap_or_default()
    }

    /// What is still set aside for it: the transfers of every transaction that is not settled.
    #[must_use]
    pub fn outstanding(&self) -> Quarks {
        let unsettled =
            |scheduled: &&ScheduledTransaction| scheduled.progress.state() != TransactionState::Settled;
        let open = self.transactions.iter().filter(unsettled);
        let quarks = open.flat_map(|open| self.transfers(&open.transaction)).map(|transfer| transfer.quarks);
        // Part of a total that was checked when the payment was accepted.
        Quarks::checked_sum(quarks).unwrap_or(Quarks::MAX)
    }
}
