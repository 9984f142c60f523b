//! What can be asked of the engine: [`Request`] before its signatures are checked, [`Command`] after.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use crate::currency::{Currency, Rate};
use crate::event::{AttemptState, Authorization, CanceledBy, PaymentForm, SignedForm};
use crate::ids::{
    AccountId, AttemptNumber, DepositKey, IntentId, NodeId, Position, Revision, Signature, TransactionId,
};
use crate::lifecycle::CommandKind;
use crate::login::LoginTerms;
use crate::money::Quarks;
use crate::payment::Payment;
use crate::policy::Policy;
use crate::refund::Refund;
use crate::site::Domain;
use crate::state::Key;
use crate::terms::Terms;
use crate::verify::Verified;
use crate::webhook::DeliveryOutcome;
use crate::withdrawal::Withdrawal;

/// Something asked of the engine, signatures unchecked. [`Request::verify`] makes it a [`Command`].
///
/// The first nine come from strangers and carry signatures. [`Self::RegisterWebhook`] comes from strangers without one: by the
/// protocol whoever knows an intent may name who is told of it. The rest are for whoever operates the node: an adapter that lets
/// strangers send them gives the node away.
///
/// Where a request has an `expected` revision, it is refused as `revision_mismatch` unless the intent's last record has it,
/// or the request repeats one that was carried out. `None` expects nothing. It is not signed: it says what the asker had
/// seen, not what it wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// A merchant asks for a payment. Repeating it gives the first answer again for as long as the intent is open, and
    /// afterwards how it ended.
    Create {
        /// The rendezvous key.
        intent: IntentId,
        /// What is asked for. For [`SignedForm::CodeMessage`] the adapter vouches that it read them from the signed bytes.
        terms: Terms,
        /// The rendezvous key's signature.
        signed: Unproven,
    },
    /// A payer's app has seen the code.
    MarkScanned {
        /// Which intent's.
        intent: IntentId,
        /// The rendezvous key's signature.
        signed: Unproven,
        /// The revision the asker saw.
        expected: Option<Revision>,
    },
    /// Payer or merchant calls it off.
    Cancel {
        /// Which intent.
        intent: IntentId,
        /// Who.
        by: CanceledBy,
        /// The rendezvous key's signature.
        signed: Unproven,
        /// The revision the asker saw.
        expected: Option<Revision>,
    },
    /// A payer pays.
    Submit {
        /// Which intent.
        intent: IntentId,
        /// Whose account.
        payer: AccountId,
        /// A payment in its canonical encoding: [`Payment::to_bytes`].
        payload: Vec<u8>,
        /// What the payer signed: the payload, or words of another protocol that say the same.
        form: PaymentForm,
        /// The payer's signature over that.
        signature: Signature,
        /// The revision the asker saw.
        expected: Option<Revision>,
    },
    /// A merchant gives back what was paid, or part of it.
    Refund {
        /// What goes back.
        refund: Refund,
        /// The merchant's signature over [`Refund::signing_bytes`].
        signature: Signature,
        /// The revision the asker saw.
        expected: Option<Revision>,
    },
    /// An account's owner takes quarks out.
    Withdraw {
        /// What goes out.
        withdrawal: Withdrawal,
        /// The owner's signature over [`Withdrawal::signing_bytes`].
        signature: Signature,
    },
    /// A site asks who somebody is. Repeating it gives the first answer again for as long as nobody has logged in.
    RequestLogin {
        /// The rendezvous key.
        intent: IntentId,
        /// What is asked for. The adapter vouches that the site's verifier signed it and is published there, and for
        /// [`SignedForm::CodeMessage`] that it read it from the signed bytes.
        login: LoginTerms,
        /// The rendezvous key's signature.
        signed: Unproven,
    },
    /// A payer logs in at the site that asked.
    Login {
        /// Which intent.
        intent: IntentId,
        /// The account that the payer is known to the site by.
        user: AccountId,
        /// That account's signature.
        signed: Unproven,
    },
    /// An owner gets an account for one site.
    EstablishRelationship {
        /// Whose.
        owner: AccountId,
        /// With which site.
        domain: Domain,
        /// The account.
        authority: AccountId,
        /// The owner's signature.
        signed: Unproven,
        /// The account's own signature: nobody is bound to an owner that it does not know of.
        consent: Unproven,
    },
    /// Somebody wants to be told when an intent is paid. Only while it is open; the first one stays.
    RegisterWebhook {
        /// Which intent.
        intent: IntentId,
        /// Where. The adapter vouches that it may be called.
        url: String,
    },
    /// The deliverer says what came of an attempt at a webhook.
    ReportDelivery {
        /// The intent's.
        intent: IntentId,
        /// The webhook's [`ordered`](crate::webhook::Webhook::ordered), as it was when the attempt began.
        ordered: Position,
        /// Which attempt; 1 for the first.
        attempt: u8,
        /// What came of it.
        outcome: DeliveryOutcome,
        /// How long it took; what is longer than an hour counts as one.
        latency: Duration,
    },
    /// A webhook that was delivered, or given up, is to be delivered again; a pending one at once.
    Redeliver {
        /// The intent's.
        intent: IntentId,
    },
    /// No more attempts at a pending webhook are to be made: on record as one that failed, the last, though nobody was called.
    GiveUpDelivery {
        /// The intent's.
        intent: IntentId,
        /// The webhook's [`ordered`](crate::webhook::Webhook::ordered), as the asker saw it; `None` for whichever it is.
        ordered: Option<Position>,
        /// Why, in the asker's words; the first [`MAX_REASON_BYTES`](crate::webhook::MAX_REASON_BYTES) are kept.
        reason: String,
    },
    /// The log begins.
    Initialize {
        /// Whose log it is.
        node: NodeId,
        /// The policy it begins with.
        policy: Policy,
    },
    /// Another policy comes into force.
    SetPolicy {
        /// The new one, whole.
        policy: Policy,
    },
    /// Exchange rates come in.
    PublishRates {
        /// Where from; at most 128 bytes.
        source: String,
        /// The price of one kin in each currency.
        rates: Vec<(Currency, Rate)>,
    },
    /// Quarks come into an account from outside.
    Deposit {
        /// Makes it happen once.
        key: DepositKey,
        /// Whose account.
        account: AccountId,
        /// How many.
        quarks: Quarks,
    },
    /// A rail reports on an attempt at a transaction of a payment or a refund.
    ReportSettlement {
        /// The intent it belongs to.
        intent: IntentId,
        /// Which transaction.
        transaction: TransactionId,
        /// Which attempt at it.
        attempt: AttemptNumber,
        /// What became of it.
        outcome: SettlementOutcome,
        /// The revision the asker saw.
        expected: Option<Revision>,
    },
    /// A rail reports on an attempt at a withdrawal.
    ReportWithdrawal {
        /// The withdrawal's transaction.
        transaction: TransactionId,
        /// Which attempt at it.
        attempt: AttemptNumber,
        /// What became of it.
        outcome: SettlementOutcome,
    },
}

/// A signature that has not been checked, and the bytes it may cover.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unproven {
    /// How to read the bytes.
    pub form: SignedForm,
    /// The byte strings that the signature may cover, most likely first; the first that verifies is kept. Ignored for
    /// [`SignedForm::Native`], where the engine knows the bytes.
    pub candidates: Vec<Vec<u8>>,
    /// The signature.
    pub signature: Signature,
}

impl Unproven {
    /// A signature over the engine's own bytes.
    #[must_use]
    pub fn native(signature: Signature) -> Self {
        Self { form: SignedForm::Native, candidates: Vec::new(), signature }
    }
}

/// What became of an attempt, as a rail knows it. Only what is certain, and "I do not know" where nothing is: a timeout is
/// [`Self::Indeterminate`], never a failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SettlementOutcome {
    /// It is being handed to the rail's network. To be reported, and acknowledged, before it is: then no crash can hide it.
    /// A rail that cannot half-succeed may leave it out.
    Sent,
    /// The network does not say.
    Indeterminate {
        /// The rail's words; the first 256 bytes are kept.
        reason: String,
    },
    /// It is final.
    Settled,
    /// It did not and will not succeed, and another attempt may be made.
    FailedRetryable {
        /// The rail's words; the first 256 bytes are kept.
        reason: String,
    },
    /// No attempt at the transaction will ever succeed.
    Failed {
        /// The rail's words; the first 256 bytes are kept.
        reason: String,
    },
}

impl SettlementOutcome {
    /// What it says of the attempt.
    #[must_use]
    pub fn state(&self) -> AttemptState {
        match self {
            Self::Sent => AttemptState::Sent,
            Self::Indeterminate { .. } => AttemptState::Indeterminate,
            Self::Settled => AttemptState::Settled,
            Self::FailedRetryable { .. } => AttemptState::FailedRetryable,
            Self::Failed { .. } => AttemptState::Failed,
        }
    }

    /// The rail's words; empty where it has none.
    #[must_use]
    pub fn reason(&self) -> &str {
        match self {
            Self::Sent | Self::Settled => "",
            Self::Indeterminate { reason } | Self::FailedRetryable { reason } | Self::Failed { reason } => {
                reason
            }
        }
    }
}

/// Something asked of the engine, signatures checked. What strangers ask for can only be made by [`Request::verify`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant and field is the request's of the same name")]
pub enum Command {
    Create(Verified<Create>),
    MarkScanned(Verified<MarkScanned>),
    Cancel(Verified<Cancel>),
    Submit(Verified<Submit>),
    Refund(Verified<SignedRefund>),
    Withdraw(Verified<SignedWithdrawal>),
    RequestLogin(Verified<RequestLogin>),
    Login(Verified<Login>),
    EstablishRelationship(Verified<EstablishRelationship>),
    RegisterWebhook { intent: IntentId, url: String },
    ReportDelivery(DeliveryReport),
    Redeliver { intent: IntentId },
    GiveUpDelivery { intent: IntentId, ordered: Option<Position>, reason: String },
    Initialize { node: NodeId, policy: Policy },
    SetPolicy { policy: Policy },
    PublishRates { source: String, rates: Vec<(Currency, Rate)> },
    Deposit { key: DepositKey, account: AccountId, quarks: Quarks },
    ReportSettlement(Report),
    ReportWithdrawal { transaction: TransactionId, attempt: AttemptNumber, outcome: SettlementOutcome },
}

/// A rail's word on an attempt at a transaction of a payment or a refund.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each field is the request's of the same name")]
pub struct Report {
    pub intent: IntentId,
    pub transaction: TransactionId,
    pub attempt: AttemptNumber,
    pub outcome: SettlementOutcome,
    pub expected: Option<Revision>,
}

/// A deliverer's word on an attempt at a webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each field is the request's of the same name")]
pub struct DeliveryReport {
    pub intent: IntentId,
    pub ordered: Position,
    pub attempt: u8,
    pub outcome: DeliveryOutcome,
    pub latency: Duration,
}

impl Request {
    /// Whether there is a signature to check, which is what takes time.
    #[must_use]
    pub fn is_signed(&self) -> bool {
        match self {
            Self::Create { .. }
            | Self::MarkScanned { .. }
            | Self::Cancel { .. }
            | Self::Submit { .. }
            | Self::Refund { .. }
            | Self::Withdraw { .. }
            | Self::RequestLogin { .. }
            | Self::Login { .. }
            | Self::EstablishRelationship { .. } => true,
            Self::RegisterWebhook { .. }
            | Self::ReportDelivery { .. }
            | Self::Redeliver { .. }
            | Self::GiveUpDelivery { .. }
            | Self::Initialize { .. }
            | Self::SetPolicy { .. }
            | Self::PublishRates { .. }
            | Self::Deposit { .. }
            | Self::ReportSettlement { .. }
            | Self::ReportWithdrawal { .. } => false,
        }
    }

    /// The intent that it is about, if it is about one. Nothing is verified yet.
    #[must_use]
    pub fn intent(&self) -> Option<IntentId> {
        match self {
            Self::Create { intent, .. }
            | Self::MarkScanned { intent, .. }
            | Self::Cancel { intent, .. }
            | Self::Submit { intent, .. }
            | Self::RequestLogin { intent, .. }
            | Self::Login { intent, .. }
            | Self::RegisterWebhook { intent, .. }
            | Self::ReportDelivery { intent, .. }
            | Self::Redeliver { intent }
            | Self::GiveUpDelivery { intent, .. }
            | Self::ReportSettlement { intent, .. } => Some(*intent),
            Self::Refund { refund, .. } => Some(refund.intent),
            Self::Withdraw { .. }
            | Self::EstablishRelationship { .. }
            | Self::Initialize { .. }
            | Self::SetPolicy { .. }
            | Self::PublishRates { .. }
            | Self::Deposit { .. }
            | Self::ReportWithdrawal { .. } => None,
        }
    }
}

impl Command {
    /// The name, as in the lifecycle table where it is there.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Create(_) => "create",
            Self::MarkScanned(_) => "mark_scanned",
            Self::Cancel(_) => "cancel",
            Self::Submit(_) => "submit",
            Self::Refund(_) => "refund",
            Self::Withdraw(_) => "withdraw",
            Self::RequestLogin(_) => "request_login",
            Self::Login(_) => "login",
            Self::EstablishRelationship(_) => "establish_relationship",
            Self::RegisterWebhook { .. } => "register_webhook",
            Self::ReportDelivery(_) => "report_delivery",
            Self::Redeliver { .. } => "redeliver",
            Self::GiveUpDelivery { .. } => "give_up_delivery",
            Self::Initialize { .. } => "initialize",
            Self::SetPolicy { .. } => "set_policy",
            Self::PublishRates { .. } => "publish_rates",
            Self::Deposit { .. } => "deposit",
            Self::ReportSettlement(_) => "report_settlement",
            Self::ReportWithdrawal { .. } => "report_withdrawal",
        }
    }

    /// The command's row in the lifecycle table; `None` for one that is about no intent.
    #[must_use]
    pub fn kind(&self) -> Option<CommandKind> {
        match self {
            Self::Create(_) => Some(CommandKind::Create),
            Self::MarkScanned(_) => Some(CommandKind::MarkScanned),
            Self::Cancel(_) => Some(CommandKind::Cancel),
            Self::Submit(_) => Some(CommandKind::Submit),
            Self::Refund(_) => Some(CommandKind::Refund),
            Self::ReportSettlement(_) => Some(CommandKind::ReportSettlement),
            Self::RequestLogin(_) => Some(CommandKind::RequestLogin),
            Self::Login(_) => Some(CommandKind::Login),
            Self::RegisterWebhook { .. } => Some(CommandKind::RegisterWebhook),
            Self::ReportDelivery(_) => Some(CommandKind::ReportDelivery),
            Self::Redeliver { .. } => Some(CommandKind::Redeliver),
            Self::GiveUpDelivery { .. } => Some(CommandKind::GiveUpDelivery),
            Self::Withdraw(_)
            | Self::EstablishRelationship(_)
            | Self::Initialize { .. }
            | Self::SetPolicy { .. }
            | Self::PublishRates { .. }
            | Self::Deposit { .. }
            | Self::ReportWithdrawal { .. } => None,
        }
    }

    /// What it may be about that may have ended and be put away: to be [recalled](crate::state::State::recall) before the
    /// command is decided.
    #[must_use]
    pub fn key(&self) -> Option<Key> {
        match self {
            Self::Create(create) => Some(Key::Intent(create.get().intent)),
            Self::MarkScanned(scan) => Some(Key::Intent(scan.get().intent)),
            Self::Cancel(cancel) => Some(Key::Intent(cancel.get().intent)),
            Self::Submit(submit) => Some(Key::Intent(submit.get().payment.intent)),
            Self::Refund(refund) => Some(Key::Intent(refund.get().refund.intent)),
            Self::ReportSettlement(report) => Some(Key::Intent(report.intent)),
            Self::RequestLogin(request) => Some(Key::Intent(request.get().intent)),
            Self::Login(login) => Some(Key::Intent(login.get().intent)),
            Self::ReportDelivery(report) => Some(Key::Intent(report.intent)),
            Self::RegisterWebhook { intent, .. }
            | Self::Redeliver { intent }
            | Self::GiveUpDelivery { intent, .. } => Some(Key::Intent(*intent)),
            Self::Deposit { key, .. } => Some(Key::Deposit(*key)),
            Self::Withdraw(signed) => Some(Key::Withdrawal(signed.get().withdrawal.transaction())),
            Self::ReportWithdrawal { transaction, .. } => Some(Key::Withdrawal(*transaction)),
            Self::Initialize { .. }
            | Self::SetPolicy { .. }
            | Self::PublishRates { .. }
            | Self::EstablishRelationship(_) => None,
        }
    }
}

/// A verified wish for a payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Create {
    /// The rendezvous key.
    pub intent: IntentId,
    /// What is asked for.
    pub terms: Terms,
    /// The rendezvous key's signature.
    pub authorization: Authorization,
}

/// Verified word that the code was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarkScanned {
    /// Which intent's.
    pub intent: IntentId,
    /// The rendezvous key's signature.
    pub authorization: Authorization,
    /// The revision the asker saw.
    pub expected: Option<Revision>,
}

/// A verified wish to call an intent off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cancel {
    /// Which intent.
    pub intent: IntentId,
    /// Who.
    pub by: CanceledBy,
    /// The rendezvous key's signature.
    pub authorization: Authorization,
    /// The revision the asker saw.
    pub expected: Option<Revision>,
}

/// A verified payment: the payer's key signed exactly this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submit {
    /// The payment.
    pub payment: Payment,
    /// What the payer's signature covers.
    pub form: PaymentForm,
    /// The payer's signature.
    pub signature: Signature,
    /// The revision the asker saw.
    pub expected: Option<Revision>,
}

/// A verified refund: the merchant's key signed exactly this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedRefund {
    /// The refund.
    pub refund: Refund,
    /// The merchant's signature over its bytes.
    pub signature: Signature,
    /// The revision the asker saw.
    pub expected: Option<Revision>,
}

/// A verified withdrawal: the account's key signed exactly this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedWithdrawal {
    /// The withdrawal.
    pub withdrawal: Withdrawal,
    /// The owner's signature over its bytes.
    pub signature: Signature,
}

/// A verified wish to know who somebody is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestLogin {
    /// The rendezvous key.
    pub intent: IntentId,
    /// What is asked for.
    pub login: LoginTerms,
    /// The rendezvous key's signature.
    pub authorization: Authorization,
}

/// A verified login: the account's key signed for exactly this intent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// Which intent.
    pub intent: IntentId,
    /// The account that the payer is known to the site by.
    pub user: AccountId,
    /// That account's signature.
    pub authorization: Authorization,
}

/// A verified wish for an account for one site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EstablishRelationship {
    /// Whose.
    pub owner: AccountId,
    /// With which site.
    pub domain: Domain,
    /// The account.
    pub authority: AccountId,
    /// The owner's signature.
    pub authorization: Authorization,
    /// The account's.
    pub consent: Authorization,
}
