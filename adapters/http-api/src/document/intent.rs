use data_encoding::BASE64;
use quittance_core::event::{Authorization, SignatureRule, SignedForm};
use quittance_core::ids::IntentId;
use quittance_core::state::{self, Asked, Phase, TransactionState};
use serde::{Deserialize, Serialize};

use super::{Payment, Refund, Site, Terms, Webhook, time};

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
    /// What is to be paid; absent where an intent only asks who somebody is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms: Option<Terms>,
    /// The site that asks who somebody is, where that is all that is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<Site>,
    /// The rendezvous key's signature over it, for anyone to check.
    pub authorization: SignedBytes,
    /// Why it ended without a payment, where there is more to say than its state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The payment, once one was accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payment: Option<Payment>,
    /// What was given back, or is being, in order.
    pub refunds: Vec<Refund>,
    /// Who is to be told when it is paid, if somebody is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook: Option<Webhook>,
}

/// A merchant's wish for a payment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreateRequest {
    /// The rendezvous public key: made for this intent alone.
    pub id: String,
    /// What is asked for.
    pub terms: Terms,
    /// The rendezvous key's signature over the terms in the engine's own form.
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

/// A signature and what it covers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedBytes {
    /// `code_message`: a serialized `code.messaging.v1.Message`; `code_login`: a `LoginToThirdPartyAppRequest` and
    /// `code_submit_actions`: a `SubmitActions`, each without its signature; `native`: the engine's own bytes.
    pub form: String,
    /// The rule that accepted the signature.
    pub rule: String,
    /// The bytes signed, base64.
    pub signed: String,
    /// The signature.
    pub signature: String,
}

impl Intent {
    /// An intent as the state knows it.
    #[must_use]
    pub fn of(id: IntentId, intent: &state::Intent) -> Self {
        let reason = match &intent.phase {
            Phase::Canceled(by) => Some(format!("canceled by the {}", by.name())),
            Phase::Rejected(rejection) => Some(rejection.to_string()),
            Phase::Failed(settlement) => {
                settlement.transactions.iter().find_map(|known| match known.progress.state() {
                    TransactionState::Failed { reason } => Some(reason.into()),
                    TransactionState::Ordered | TransactionState::Settled => None,
                })
            }
            Phase::Created
            | Phase::Submitted(_)
            | Phase::Verified(_)
            | Phase::Scheduled(_)
            | Phase::Confirmed(_)
            | Phase::LoggedIn(_)
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
            terms: intent.terms().map(Terms::from),
            login: match &intent.asked {
                Asked::Payment(_) => None,
                Asked::Login(login) => {
                    let (domain, verifier) = (login.domain.to_string(), Some(login.verifier.to_string()));
                    Some(Site { domain, verifier })
                }
            },
            authorization: SignedBytes::from(&intent.authorization),
            reason,
            payment: intent.submission().map(|submission| Payment::of(submission, intent.settlement())),
            refunds: intent.refunds.iter().map(Refund::from).collect(),
            webhook: intent.webhook.as_deref().map(Webhook::from),
        }
    }
}

impl From<&Authorization> for SignedBytes {
    fn from(authorization: &Authorization) -> Self {
        Self {
            form: match authorization.form {
                SignedForm::Native => "native",
                SignedForm::CodeMessage => "code_message",
                SignedForm::CodeLogin => "code_login",
                SignedForm::CodeSubmitActions => "code_submit_actions",
                SignedForm::CodeOpenAccount => "code_open_account",
            }
            .into(),
            rule: rule_name(authorization.rule).into(),
            signed: BASE64.encode(&authorization.signed),
            signature: authorization.signature.to_string(),
        }
    }
}

pub(super) fn rule_name(rule: SignatureRule) -> &'static str {
    match rule {
        SignatureRule::Ed25519VerifyStrict => "ed25519_verify_strict",
    }
}
