//! The calls a merchant, a payer's app and a browser make, signed where the protocol wants it (protocol e.1).

use prost::Message as _;
use prost_types::Timestamp;

use crate::envelope::{self, Method};
use crate::key::{KeyPair, PublicKey, SignatureBytes};
use crate::proto::code::account::v1 as account;
use crate::proto::code::common::v1 as common;
use crate::proto::code::messaging::v1 as messaging;
use crate::proto::code::messaging::v1::message::Kind;
use crate::proto::code::micropayment::v1 as micropayment;
use crate::proto::code::transaction::v2 as transaction;
use crate::proto::code::user::v1 as user;

/// A letter for the mailbox of a rendezvous key, signed by it.
#[derive(Debug, Clone)]
pub struct SignedMessage {
    rendezvous: PublicKey,
    message: messaging::Message,
    signature: SignatureBytes,
}

impl SignedMessage {
    /// Signs a letter. Ids and receipts of delivery are the server's to add.
    pub fn new(rendezvous: &KeyPair, kind: Kind) -> Self {
        let message = messaging::Message { kind: Some(kind), ..messaging::Message::default() };
        let signature = rendezvous.sign(&message.encode_to_vec());
        Self { rendezvous: rendezvous.public_key(), message, signature }
    }

    /// The payer's app has read the code.
    pub fn code_scanned(rendezvous: &KeyPair, at: Timestamp) -> Self {
        Self::new(rendezvous, Kind::CodeScanned(messaging::CodeScanned { timestamp: Some(at) }))
    }

    /// The payer declines to pay.
    pub fn client_rejected_payment(rendezvous: &KeyPair) -> Self {
        let intent_id = Some(rendezvous.public_key().into());
        Self::new(rendezvous, Kind::ClientRejectedPayment(messaging::ClientRejectedPayment { intent_id }))
    }

    /// The payer declines to log in.
    pub fn client_rejected_login(rendezvous: &KeyPair, at: Timestamp) -> Self {
        Self::new(
            rendezvous,
            Kind::ClientRejectedLogin(messaging::ClientRejectedLogin { timestamp: Some(at) }),
        )
    }

    /// Another payer's app asks for the cash behind the code.
    pub fn request_to_grab_bill(rendezvous: &KeyPair, to: PublicKey) -> Self {
        let requestor_account = Some(to.into());
        Self::new(rendezvous, Kind::RequestToGrabBill(messaging::RequestToGrabBill { requestor_account }))
    }

    /// The serialized `Message`, which is what the signature covers.
    pub fn message(&self) -> Vec<u8> {
        self.message.encode_to_vec()
    }

    /// By the rendezvous key.
    pub fn signature(&self) -> &SignatureBytes {
        &self.signature
    }

    /// The request of `SendMessage`.
    pub fn to_request(&self) -> messaging::SendMessageRequest {
        messaging::SendMessageRequest {
            message: Some(self.message.clone()),
            rendezvous_key: Some(self.rendezvous.into()),
            signature: Some(self.signature.into()),
        }
    }

    /// The whole call, as it goes over HTTP or into a WebSocket frame.
    pub fn envelope(&self) -> Vec<u8> {
        envelope::encode_request(Method::SendMessage, self.to_request().encode_to_vec())
    }
}

/// `OpenMessageStream` as a payer's app sends it, signed.
pub fn open_message_stream(rendezvous: &KeyPair) -> messaging::OpenMessageStreamRequest {
    let mut request = open_message_stream_unsigned(rendezvous.public_key());
    request.signature = Some(rendezvous.sign(&request.encode_to_vec()).into());
    request
}

/// `OpenMessageStream` as a browser sends it.
pub fn open_message_stream_unsigned(intent: PublicKey) -> messaging::OpenMessageStreamRequest {
    messaging::OpenMessageStreamRequest { rendezvous_key: Some(intent.into()), signature: None }
}

/// `PollMessages`.
pub fn poll_messages(rendezvous: &KeyPair) -> messaging::PollMessagesRequest {
    let rendezvous_key = Some(rendezvous.public_key().into());
    let mut request = messaging::PollMessagesRequest { rendezvous_key, signature: None };
    request.signature = Some(rendezvous.sign(&request.encode_to_vec()).into());
    request
}

/// `AckMessages`. Nobody signs it.
pub fn ack_messages(
    intent: PublicKey,
    ids: impl IntoIterator<Item = [u8; 16]>,
) -> messaging::AckMessagesRequest {
    let message_ids = ids.into_iter().map(|id| messaging::MessageId { value: id.to_vec() }).collect();
    messaging::AckMessagesRequest { rendezvous_key: Some(intent.into()), message_ids }
}

/// `GetStatus`.
pub fn get_status(intent: PublicKey) -> micropayment::GetStatusRequest {
    micropayment::GetStatusRequest { intent_id: Some(intent.into()) }
}

/// `RegisterWebhook`.
pub fn register_webhook(intent: PublicKey, url: &str) -> micropayment::RegisterWebhookRequest {
    micropayment::RegisterWebhookRequest { intent_id: Some(intent.into()), url: url.to_owned() }
}

/// `GetLoginForThirdPartyApp`: who is logged in, asked by the merchant.
pub fn get_login_for_third_party_app(
    intent: PublicKey,
    verifier: &KeyPair,
) -> user::GetLoginForThirdPartyAppRequest {
    let mut request = user::GetLoginForThirdPartyAppRequest {
        intent_id: Some(intent.into()),
        verifier: Some(verifier.public_key().into()),
        signature: None,
    };
    request.signature = Some(verifier.sign(&request.encode_to_vec()).into());
    request
}

/// `LoginToThirdPartyApp`: the payer logs in with its key for the merchant's domain.
pub fn login_to_third_party_app(intent: PublicKey, user: &KeyPair) -> user::LoginToThirdPartyAppRequest {
    let mut request = user::LoginToThirdPartyAppRequest {
        intent_id: Some(intent.into()),
        user_id: Some(user.public_key().into()),
        signature: None,
    };
    request.signature = Some(user.sign(&request.encode_to_vec()).into());
    request
}

/// `Codify`: a link to a page that is paid for. `primary_account` is the owner's vault on the node.
pub fn codify(
    url: &str,
    currency: &str,
    native_amount: f64,
    owner: &KeyPair,
    primary_account: PublicKey,
) -> micropayment::CodifyRequest {
    let mut request = micropayment::CodifyRequest {
        url: url.to_owned(),
        currency: currency.to_owned(),
        native_amount,
        owner_account: Some(owner.public_key().into()),
        primary_account: Some(primary_account.into()),
        signature: None,
    };
    request.signature = Some(owner.sign(&request.encode_to_vec()).into());
    request
}

/// `GetTokenAccountInfos`.
pub fn get_token_account_infos(owner: &KeyPair) -> account::GetTokenAccountInfosRequest {
    let mut request =
        account::GetTokenAccountInfosRequest { owner: Some(owner.public_key().into()), signature: None };
    request.signature = Some(owner.sign(&request.encode_to_vec()).into());
    request
}

/// `GetIntentMetadata`, asked by whoever has seen the code.
pub fn get_intent_metadata(rendezvous: &KeyPair) -> transaction::GetIntentMetadataRequest {
    let intent_id = Some(rendezvous.public_key().into());
    let mut request = transaction::GetIntentMetadataRequest { intent_id, owner: None, signature: None };
    request.signature = Some(rendezvous.sign(&request.encode_to_vec()).into());
    request
}

/// `GetIntentMetadata`, asked by the payer or the receiver.
pub fn get_own_intent_metadata(intent: PublicKey, owner: &KeyPair) -> transaction::GetIntentMetadataRequest {
    let mut request = transaction::GetIntentMetadataRequest {
        intent_id: Some(intent.into()),
        owner: Some(owner.public_key().into()),
        signature: None,
    };
    request.signature = Some(owner.sign(&request.encode_to_vec()).into());
    request
}

impl From<PublicKey> for common::SolanaAccountId {
    fn from(key: PublicKey) -> Self {
        Self { value: key.0.to_vec() }
    }
}

impl From<PublicKey> for common::IntentId {
    fn from(key: PublicKey) -> Self {
        Self { value: key.0.to_vec() }
    }
}

impl From<PublicKey> for messaging::RendezvousKey {
    fn from(key: PublicKey) -> Self {
        Self { value: key.0.to_vec() }
    }
}

impl From<SignatureBytes> for common::Signature {
    fn from(signature: SignatureBytes) -> Self {
        Self { value: signature.to_vec() }
    }
}
