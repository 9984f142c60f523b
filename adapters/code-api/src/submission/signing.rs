//! The transactions behind a payment, which the server offers nonces for and the payer signs.

use super::payment::{Move, MoveKind, PublicPayment};
use super::{InvalidSignature, Refused};
use crate::key::{PublicKey, SignatureBytes};
use crate::proto::code::common::v1 as common;
use crate::proto::code::transaction::v2 as transaction;
use crate::proto::code::transaction::v2::server_parameter::Type;
use crate::proto::code::transaction::v2::submit_intent_response::{Response, ServerParameters};
use crate::solana::instruction::Locked;
use crate::solana::message::{CompileError, Message};
use crate::solana::transaction::{DurableNonce, transfer};

/// Everything a payment's transactions are made of.
#[derive(Debug, Clone, Copy)]
pub struct Offer<'a> {
    /// The node's key, which pays the chain's fees.
    pub subsidizer: PublicKey,
    /// Who receives the service's own fee.
    pub service: PublicKey,
    /// One for each action.
    pub nonces: &'a [DurableNonce],
}

impl Offer<'_> {
    /// What the server tells the client, so that both build the same transactions.
    pub fn to_response(&self, payment: &PublicPayment) -> transaction::SubmitIntentResponse {
        let parameter = |(action_id, (action, nonce)): (u32, (&Move, &DurableNonce))| {
            let kind = match action.kind {
                MoveKind::ServiceFee | MoveKind::Fee => {
                    let service = action.kind == MoveKind::ServiceFee;
                    let code_destination = service.then(|| self.service.into());
                    Type::FeePayment(transaction::FeePaymentServerParameter { code_destination })
                }
                MoveKind::Transfer => {
                    Type::NoPrivacyTransfer(transaction::NoPrivacyTransferServerParameter {})
                }
            };
            let nonce = transaction::NoncedTransactionMetadata {
                nonce: Some(nonce.account.into()),
                blockhash: Some(common::Blockhash { value: nonce.value.to_vec() }),
            };
            transaction::ServerParameter { action_id, nonces: vec![nonce], r#type: Some(kind) }
        };
        let server_parameters = (0..).zip(payment.moves.iter().zip(self.nonces)).map(parameter).collect();
        let response = Response::ServerParameters(ServerParameters { server_parameters });
        transaction::SubmitIntentResponse { response: Some(response) }
    }

    /// The transactions, one for each action, in order.
    ///
    /// # Errors
    ///
    /// See [`Message::compile`].
    pub fn transactions(&self, payment: &PublicPayment) -> Result<Vec<Message>, CompileError> {
        let from = Locked::of(payment.owner, self.subsidizer);
        let compile = |(action, nonce): (&Move, &DurableNonce)| {
            transfer(nonce, &from, action.destination.unwrap_or(self.service), action.quarks)
        };
        payment.moves.iter().zip(self.nonces).map(compile).collect()
    }

    /// Whether these are the owner's signatures over the payment's transactions, all of them and no more.
    ///
    /// # Errors
    ///
    /// SIGNATURE_ERROR with the count, or with every transaction whose signature does not verify.
    pub fn check(&self, payment: &PublicPayment, signatures: &[SignatureBytes]) -> Result<(), Refused> {
        let transactions = self.transactions(payment).map_err(|error| Refused::invalid(error.to_string()))?;
        match signatures.len() {
            some if some < transactions.len() => {
                return Err(Refused::signature("at least one signature is missing"));
            }
            some if some > transactions.len() => {
                return Err(Refused::signature("too many signatures provided"));
            }
            _ => {}
        }
        let pairs = (0..).zip(transactions.iter().zip(signatures));
        let invalid =
            pairs.filter(|(_, (message, signature))| !payment.owner.verifies(message.as_bytes(), signature));
        let invalid = invalid.map(|(action, (message, provided))| InvalidSignature {
            action,
            expected: message.unsigned_transaction(),
            provided: *provided,
        });
        let invalid: Vec<_> = invalid.collect();
        if invalid.is_empty() { Ok(()) } else { Err(Refused::Signatures(invalid)) }
    }
}
