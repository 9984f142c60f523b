//! What a payer's app submits, as both sides read it (protocol d.8): pure, so that a payer and a server agree.
//!
//! Of the protocol's intents this is the public part: a payment of a request out of the payer's primary account, and a
//! relationship with a merchant's domain. A payment here pays a request under the request's own id, which the reference
//! only lets private payments do: on this node nothing is private, and a request is all that can be paid.
//!
//! An owner's primary account is the vault of the time lock whose authority is the owner's key, and the account in the log
//! behind it is the owner's key. A relationship's account is the vault of the relationship's authority, likewise. A request's
//! destination is an account in the log as it stands; it is never taken for somebody's vault, even where it is one.

pub mod agreement;
pub mod payment;
mod refused;
pub mod relationship;
pub mod signing;

use prost::Message as _;
use quittance_core::verify::MAX_SIGNED_BYTES;

pub use payment::PublicPayment;
pub use refused::{ErrorCode, InvalidSignature, MAX_REASON_LEN, Refused};
pub use relationship::Relationship;

use crate::key::{PublicKey, SignatureBytes};
use crate::proto::code::common::v1 as common;
use crate::proto::code::transaction::v2 as transaction;
use crate::proto::code::transaction::v2::metadata::Type;
use crate::proto::code::transaction::v2::submit_intent_request::SubmitActions;
use crate::schema::SUBMIT_ACTIONS;
use crate::status::{Code, Status};
use crate::validate::Validate as _;
use crate::wire::{self, WireError};

/// The field in which `SubmitActions` keeps its owner's signature.
const SIGNATURE: u32 = 5;

/// What an owner signed and submitted.
#[derive(Debug, Clone, PartialEq)]
pub struct Submission {
    /// The intent it is about.
    pub intent: PublicKey,
    /// Whose key signed.
    pub owner: PublicKey,
    /// The bytes that the owner's signature covers.
    pub signed: Vec<u8>,
    /// The owner's signature.
    pub signature: SignatureBytes,
    /// What is wanted.
    pub meaning: Meaning,
}

/// What a submission wants.
#[derive(Debug, Clone, PartialEq)]
pub enum Meaning {
    /// To pay a request.
    Payment(PublicPayment),
    /// To be known to a domain.
    Relationship(Relationship),
}

impl Submission {
    /// Reads a serialized `SubmitActions` and checks every signature in it.
    ///
    /// # Errors
    ///
    /// `invalid_argument` where the bytes break the schema's rules (protocol d.9) or could be read in two ways,
    /// `unauthenticated` where a signature does not verify, `unimplemented` for intents outside the public part, and
    /// INVALID_INTENT where the actions are not ones that the intent can have.
    pub fn read(raw: &[u8]) -> Result<Self, Refused> {
        let submit: SubmitActions = crate::envelope::decode_body(raw)?;
        submit.validate().map_err(Status::invalid_argument)?;
        // Which of two fields counts would depend on who decodes the log later.
        if wire::reordered(raw, &SUBMIT_ACTIONS, wire::Order::Ascending).map_err(malformed)?.is_none() {
            let text = "SubmitActions: expected each field, and one kind, once";
            return Err(Status::invalid_argument(text).into());
        }
        let candidates = wire::signed_candidates(raw, &SUBMIT_ACTIONS, Some(SIGNATURE)).map_err(malformed)?;
        if candidates.iter().any(|signed| signed.len() > MAX_SIGNED_BYTES) {
            let text = format!("SubmitActions: expected at most {MAX_SIGNED_BYTES} signed bytes");
            return Err(Status::invalid_argument(text).into());
        }
        for (index, action) in submit.actions.iter().enumerate() {
            if usize::try_from(action.id) != Ok(index) {
                let text = format!("actions[{index}].id: expected {index}, got {}", action.id);
                return Err(Status::invalid_argument(text).into());
            }
        }
        let owner = account("owner", submit.owner.as_ref())?;
        let signature = signature("signature", submit.signature.as_ref())?;
        let signed = candidates.into_iter().find(|signed| owner.verifies(signed, &signature));
        let signed = signed.ok_or_else(Status::unauthenticated)?;
        let intent = submit.id.as_ref().and_then(|id| PublicKey::from_slice(&id.value));
        let intent = intent.ok_or_else(|| Status::invalid_argument("id must be set"))?;
        let meaning = match submit.metadata.as_ref().and_then(|metadata| metadata.r#type.as_ref()) {
            Some(Type::SendPublicPayment(metadata)) => {
                Meaning::Payment(PublicPayment::read(owner, metadata, &submit.actions)?)
            }
            Some(Type::EstablishRelationship(metadata)) => {
                Meaning::Relationship(Relationship::read(raw, owner, metadata, &submit.actions)?)
            }
            other => {
                let text = format!("metadata.{} is not available on this node", name(other));
                return Err(Status::new(Code::Unimplemented, text).into());
            }
        };
        Ok(Self { intent, owner, signed, signature, meaning })
    }
}

/// A submission ready to be sent.
pub(crate) fn sign(owner: &crate::key::KeyPair, mut submit: SubmitActions) -> SubmitActions {
    submit.signature = None;
    submit.signature = Some(owner.sign(&submit.encode_to_vec()).into());
    submit
}

fn name(meaning: Option<&Type>) -> &'static str {
    match meaning {
        None => "type",
        Some(Type::OpenAccounts(_)) => "open_accounts",
        Some(Type::SendPrivatePayment(_)) => "send_private_payment",
        Some(Type::ReceivePaymentsPrivately(_)) => "receive_payments_privately",
        Some(Type::UpgradePrivacy(_)) => "upgrade_privacy",
        Some(Type::MigrateToPrivacy2022(_)) => "migrate_to_privacy_2022",
        Some(Type::SendPublicPayment(_)) => "send_public_payment",
        Some(Type::ReceivePaymentsPublicly(_)) => "receive_payments_publicly",
        Some(Type::EstablishRelationship(_)) => "establish_relationship",
    }
}

/// The name of an action's kind in the schema.
fn action_name(action: &transaction::Action) -> &'static str {
    use transaction::action::Type as Act;
    match &action.r#type {
        None => "type",
        Some(Act::OpenAccount(_)) => "open_account",
        Some(Act::CloseEmptyAccount(_)) => "close_empty_account",
        Some(Act::CloseDormantAccount(_)) => "close_dormant_account",
        Some(Act::NoPrivacyTransfer(_)) => "no_privacy_transfer",
        Some(Act::NoPrivacyWithdraw(_)) => "no_privacy_withdraw",
        Some(Act::TemporaryPrivacyTransfer(_)) => "temporary_privacy_transfer",
        Some(Act::TemporaryPrivacyExchange(_)) => "temporary_privacy_exchange",
        Some(Act::PermanentPrivacyUpgrade(_)) => "permanent_privacy_upgrade",
        Some(Act::FeePayment(_)) => "fee_payment",
    }
}

/// A key that the schema requires; where it was checked before, the error is never said.
fn account(field: &str, id: Option<&common::SolanaAccountId>) -> Result<PublicKey, Status> {
    let key = id.and_then(|id| PublicKey::from_slice(&id.value));
    key.ok_or_else(|| Status::invalid_argument(format!("{field} must be set")))
}

fn signature(field: &str, signature: Option<&common::Signature>) -> Result<SignatureBytes, Status> {
    let bytes = signature.and_then(|signature| signature.value.as_slice().try_into().ok());
    bytes.ok_or_else(|| Status::invalid_argument(format!("{field} must be set")))
}

fn malformed(error: WireError) -> Status {
    Status::invalid_argument(format!("undecodable request: {error}"))
}

#[cfg(test)]
mod tests;
