//! A payer's side of `SubmitIntent`: what its app builds, checks and signs, apart from what carries it.
//!
//! Everything that moves quarks follows from the request's terms, the rate and the payer's own key. What the server adds are
//! nonces and the account of its own fee.

use prost::Message as _;
use quittance_core::currency::{Currency, Rate};
use quittance_core::ids::AccountId;
use quittance_core::money::{NativeAmount, Quarks};
use quittance_core::terms::Fee;
use thiserror::Error;

use crate::key::{KeyPair, PublicKey};
use crate::number::hundredths_to_double;
use crate::proto::code::common::v1 as common;
use crate::proto::code::transaction::v2 as transaction;
use crate::proto::code::transaction::v2::action::Type as Act;
use crate::proto::code::transaction::v2::fee_payment_action::FeeType;
use crate::proto::code::transaction::v2::metadata::Type as Meaning;
use crate::proto::code::transaction::v2::server_parameter::Type as Parameter;
use crate::proto::code::transaction::v2::submit_intent_request::{Request, SubmitActions, SubmitSignatures};
use crate::proto::code::transaction::v2::submit_intent_response::ServerParameters;
use crate::solana::instruction::Locked;
use crate::solana::transaction::DurableNonce;
use crate::submission::payment::rate_to_double;
use crate::submission::signing::Offer;
use crate::submission::{Meaning as Read, Refused, Submission, sign};

/// What a payer has decided to pay.
#[derive(Debug, Clone, Copy)]
pub struct Order<'a> {
    /// The request's id.
    pub intent: PublicKey,
    /// The node's key, from which the payer's account follows.
    pub node: PublicKey,
    /// Who is paid.
    pub destination: AccountId,
    /// The currency of the amount.
    pub currency: Currency,
    /// What is paid, fees included.
    pub amount: NativeAmount,
    /// Shares for others, in order.
    pub fees: &'a [Fee],
    /// The price of one kin in the currency.
    pub rate: Rate,
    /// The service's own fee, if it charges one.
    pub service_fee: Option<Quarks>,
}

/// Why an order is not submitted or not signed. Nothing was signed away.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PayerError {
    /// The rate makes no countable total.
    #[error("the amount is worth more than can be counted in quarks, or nothing")]
    Total,
    /// The fees take everything.
    #[error("nothing would be left for the destination behind its fees")]
    Fees,
    /// What was asked for breaks the protocol's own rules.
    #[error("the submission would be refused: {0}")]
    Refused(String),
    /// The server's parameters are not those of the actions.
    #[error("the server's parameters: expected {expected}, got {got}")]
    Parameters {
        /// What there should be.
        expected: String,
        /// What there is.
        got: String,
    },
}

/// A signed submission, waiting for the server's parameters.
#[derive(Debug, Clone)]
pub struct Draft {
    node: PublicKey,
    submission: Submission,
    raw: Vec<u8>,
}

impl Order<'_> {
    /// What leaves the payer's account.
    ///
    /// # Errors
    ///
    /// When the total cannot be counted.
    pub fn total(&self) -> Result<Quarks, PayerError> {
        self.rate.quarks(self.amount).filter(|total| *total > Quarks::ZERO).ok_or(PayerError::Total)
    }

    /// Builds and signs the actions.
    ///
    /// # Errors
    ///
    /// When the amount cannot be split.
    pub fn draft(&self, owner: &KeyPair) -> Result<Draft, PayerError> {
        let source = Locked::of(owner.public_key(), self.node).vault();
        let total = self.total()?;
        let (authority, from) = (Some(owner.public_key().into()), Some(source.into()));
        let fee = |kind: FeeType, destination: Option<AccountId>, quarks: Quarks| {
            let destination = destination.map(|to| PublicKey(to.0).into());
            Act::FeePayment(transaction::FeePaymentAction {
                authority: authority.clone(),
                source: from.clone(),
                amount: quarks.get(),
                r#type: kind.into(),
                destination,
            })
        };
        let mut rest = Some(total);
        let mut actions = Vec::new();
        let service = self.service_fee.map(|quarks| (FeeType::Code, None, quarks));
        let shares = self
            .fees
            .iter()
            .map(|share| (FeeType::ThirdParty, Some(share.destination), total.share(share.basis_points)));
        // A fee that comes to nothing has no action.
        for (kind, to, quarks) in service.into_iter().chain(shares).filter(|fee| fee.2 > Quarks::ZERO) {
            rest = rest.and_then(|rest| rest.checked_sub(quarks));
            actions.push(fee(kind, to, quarks));
        }
        let rest = rest.filter(|rest| *rest > Quarks::ZERO).ok_or(PayerError::Fees)?;
        actions.push(Act::NoPrivacyTransfer(transaction::NoPrivacyTransferAction {
            authority: authority.clone(),
            source: from.clone(),
            destination: Some(PublicKey(self.destination.0).into()),
            amount: rest.get(),
        }));
        let exchange_data = transaction::ExchangeData {
            currency: self.currency.to_string(),
            exchange_rate: rate_to_double(self.rate),
            native_amount: hundredths_to_double(self.amount.hundredths()),
            quarks: total.get(),
        };
        let meaning = Meaning::SendPublicPayment(transaction::SendPublicPaymentMetadata {
            destination: Some(PublicKey(self.destination.0).into()),
            exchange_data: Some(exchange_data),
            is_withdrawal: true,
            source: from.clone(),
        });
        Draft::new(self.node, &submit_actions(self.intent, owner, meaning, actions))
    }
}

impl Draft {
    /// Reads what was built the way a server will, so that nothing is sent that every server refuses.
    fn new(node: PublicKey, actions: &SubmitActions) -> Result<Self, PayerError> {
        let raw = actions.encode_to_vec();
        match Submission::read(&raw) {
            Ok(submission) => Ok(Self { node, submission, raw }),
            Err(Refused::Failed(status)) => Err(PayerError::Refused(status.to_string())),
            Err(Refused::Answered { reason, .. }) => Err(PayerError::Refused(reason)),
            Err(Refused::Signatures(_)) => Err(PayerError::Refused("signatures over transactions".into())),
        }
    }

    /// The serialized `SubmitActions`.
    pub fn actions(&self) -> &[u8] {
        &self.raw
    }

    /// What the owner's signature covers: the serialized `SubmitActions` without it.
    pub fn signed(&self) -> &[u8] {
        &self.submission.signed
    }

    /// The first message of the call: the serialized `SubmitIntentRequest`.
    pub fn first_message(&self) -> Vec<u8> {
        crate::wire::delimited(1, &self.raw)
    }

    /// Signs the transactions that follow from the actions and the server's nonces: the second message of the call.
    ///
    /// # Errors
    ///
    /// When the parameters are not one nonce for each action, in order.
    pub fn second_message(
        &self,
        owner: &KeyPair,
        parameters: &ServerParameters,
    ) -> Result<Vec<u8>, PayerError> {
        let Read::Payment(payment) = &self.submission.meaning else {
            let (expected, got) = ("none".into(), "some".into());
            return Err(PayerError::Parameters { expected, got });
        };
        let (service, nonces) = read_parameters(payment.moves.len(), parameters)?;
        // The node may name any account for its own fee, as long as a fee of that kind was signed.
        let service = service.unwrap_or(self.node);
        let offer = Offer { subsidizer: self.node, service, nonces: &nonces };
        let transactions = offer.transactions(payment).map_err(|error| PayerError::Parameters {
            expected: "accounts of a transaction".into(),
            got: error.to_string(),
        })?;
        let signatures = transactions.iter().map(|message| owner.sign(message.as_bytes()).into()).collect();
        let request = Request::SubmitSignatures(SubmitSignatures { signatures });
        Ok(transaction::SubmitIntentRequest { request: Some(request) }.encode_to_vec())
    }
}

/// Opens the account of a relationship: a key for one domain alone. No signature is asked for afterwards.
///
/// # Errors
///
/// When the domain is no host name, or the authority is the owner.
pub fn establish_relationship(
    intent: PublicKey,
    node: PublicKey,
    owner: &KeyPair,
    authority: &KeyPair,
    domain: &str,
) -> Result<Draft, PayerError> {
    let mut open = transaction::OpenAccountAction {
        account_type: common::AccountType::Relationship.into(),
        owner: Some(owner.public_key().into()),
        index: 0,
        authority: Some(authority.public_key().into()),
        token: Some(Locked::of(authority.public_key(), node).vault().into()),
        authority_signature: None,
    };
    open.authority_signature = Some(authority.sign(&open.encode_to_vec()).into());
    let domain = common::Domain { value: domain.to_owned() };
    let relationship = common::Relationship { r#type: Some(common::relationship::Type::Domain(domain)) };
    let meaning = transaction::EstablishRelationshipMetadata { relationship: Some(relationship) };
    let meaning = Meaning::EstablishRelationship(meaning);
    Draft::new(node, &submit_actions(intent, owner, meaning, vec![Act::OpenAccount(open)]))
}

fn submit_actions(intent: PublicKey, owner: &KeyPair, meaning: Meaning, actions: Vec<Act>) -> SubmitActions {
    let actions = (0..).zip(actions).map(|(id, act)| transaction::Action { id, r#type: Some(act) });
    let unsigned = SubmitActions {
        id: Some(intent.into()),
        owner: Some(owner.public_key().into()),
        metadata: Some(transaction::Metadata { r#type: Some(meaning) }),
        actions: actions.collect(),
        signature: None,
        device_token: None,
    };
    sign(owner, unsigned)
}

/// The account of the service's own fee, if one is named, and one nonce for each action.
fn read_parameters(
    actions: usize,
    parameters: &ServerParameters,
) -> Result<(Option<PublicKey>, Vec<DurableNonce>), PayerError> {
    let wrong = |expected: String, got: String| PayerError::Parameters { expected, got };
    let parameters = &parameters.server_parameters;
    if parameters.len() != actions {
        return Err(wrong(format!("{actions} of them"), parameters.len().to_string()));
    }
    let (mut service, mut nonces) = (None, Vec::with_capacity(actions));
    for (index, parameter) in parameters.iter().enumerate() {
        let field = |what: &str| format!("[{index}].{what}");
        if usize::try_from(parameter.action_id) != Ok(index) {
            return Err(wrong(format!("{} {index}", field("action_id")), parameter.action_id.to_string()));
        }
        let [nonce] = parameter.nonces.as_slice() else {
            return Err(wrong(field("nonces with one nonce"), parameter.nonces.len().to_string()));
        };
        let account = nonce.nonce.as_ref().and_then(|nonce| PublicKey::from_slice(&nonce.value));
        let value = nonce.blockhash.as_ref().and_then(|hash| hash.value.as_slice().try_into().ok());
        let (Some(account), Some(value)) = (account, value) else {
            return Err(wrong(field("nonces[0] with 32 bytes each"), "other lengths".into()));
        };
        nonces.push(DurableNonce { account, value });
        if let Some(Parameter::FeePayment(fee)) = &parameter.r#type
            && let Some(destination) = &fee.code_destination
        {
            let read = PublicKey::from_slice(&destination.value);
            let read =
                read.ok_or_else(|| wrong(field("code_destination of 32 bytes"), "another length".into()))?;
            service = service.or(Some(read));
        }
    }
    Ok((service, nonces))
}
