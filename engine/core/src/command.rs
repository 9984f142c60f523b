//! What can be asked of the engine: [`Request`] before its signatures are checked, [`Command`] after.

use alloc::string::String;
use alloc::vec::Vec;

use crate::currency::{Currency, Rate};
use crate::event::{Authorization, CanceledBy, SignedForm};
use crate::ids::{AccountId, DepositKey, IntentId, NodeId, Signature, TransactionId};
use crate::money::Quarks;
use crate::payment::Payment;
use crate::policy::Policy;
use crate::terms::Terms;
use crate::verify::Verified;

/// Something asked of the engine, signatures unchecked. [`Request::verify`] makes it a [`Command`].
///
/// The first four come from strangers and carry signatures. The rest are for whoever operates the node: an adapter that
/// lets strangers send them gives the node away.
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
    },
    /// Payer or merchant calls it off.
    Cancel {
        /// Which intent.
        intent: IntentId,
        /// Who.
        by: CanceledBy,
        /// The rendezvous key's signature.
        signed: Unproven,
    },
    /// A payer pays.
    Submit {
        /// Which intent.
        intent: IntentId,
        /// Whose account.
        payer: AccountId,
        /// A payment in its canonical encoding: [`Payment::to_bytes`].
        payload: Vec<u8>,
        /// The payer's signature over `payload`.
        signature: Signature,
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
    /// A rail reports what became of a transaction.
    ReportSettlement {
        /// The intent it belongs to.
        intent: IntentId,
        /// Which transaction.
        transaction: TransactionId,
        /// What became of it. Only what is certain: a rail that does not answer is not reported.
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

/// What became of a transaction, as a rail knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SettlementOutcome {
    /// It is final.
    Settled,
    /// It will never happen.
    Failed {
        /// The rail's words.
        reason: String,
    },
}

/// Something asked of the engine, signatures checked. What strangers ask for can only be made by [`Request::verify`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant and field is the request's of the same name")]
pub enum Command {
    Create(Verified<Create>),
    MarkScanned(Verified<MarkScanned>),
    Cancel(Verified<Cancel>),
    Submit(Verified<Submit>),
    Initialize { node: NodeId, policy: Policy },
    SetPolicy { policy: Policy },
    PublishRates { source: String, rates: Vec<(Currency, Rate)> },
    Deposit { key: DepositKey, account: AccountId, quarks: Quarks },
    ReportSettlement { intent: IntentId, transaction: TransactionId, outcome: SettlementOutcome },
}

impl Command {
    /// The name in the lifecycle table.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Create(_) => "create",
            Self::MarkScanned(_) => "mark_scanned",
            Self::Cancel(_) => "cancel",
            Self::Submit(_) => "submit",
            Self::Initialize { .. } => "initialize",
            Self::SetPolicy { .. } => "set_policy",
            Self::PublishRates { .. } => "publish_rates",
            Self::Deposit { .. } => "deposit",
            Self::ReportSettlement { .. } => "report_settlement",
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
}

/// A verified payment: the payer's key signed exactly this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submit {
    /// The payment.
    pub payment: Payment,
    /// The payer's signature over its bytes.
    pub signature: Signature,
}
