use std::collections::VecDeque;

use prost::Message as _;
use quittance_core::command::{Request, Unproven};
use quittance_core::event::{CanceledBy, SignedForm};
use quittance_core::ids::{IntentId, Position, Signature};
use quittance_core::rejection::RejectionCode;
use quittance_core::verify::{MAX_SIGNED_BYTES, is_signed_by};
use quittance_runtime::Error;

use super::hub::{Client, Stream};
use super::inbox::Inbox;
use super::letter::{Letter, message_id};
use super::places::Origin;
use super::{Api, acknowledged, login, receive_bill, refusal};
use crate::envelope::decode_body;
use crate::key::{PublicKey, SignatureBytes};
use crate::proto::code::common::v1 as common;
use crate::proto::code::messaging::v1 as messaging;
use crate::proto::code::messaging::v1::message::Kind;
use crate::schema::{KEY_AND_SIGNATURE, MESSAGE};
use crate::status::{Code, Status};
use crate::validate::Validate;
use crate::wire::{self, WireError, delimited};

/// The most messages in one answer (protocol e.7).
const MAX_POLLED: usize = 257;

/// `SendMessage` (protocol e.2, e.3).
pub(super) async fn send(api: &Api, body: &[u8]) -> Result<messaging::SendMessageResponse, Status> {
    // A decoder merges a message that is there twice into one that nobody signed. Here each is there once, and everything
    // from now on is read from the very bytes the signature covers.
    let signed = once(body, &[1, 2, 3]);
    if signed.as_ref().is_ok_and(|raw| raw.len() > MAX_SIGNED_BYTES) {
        let text = format!("expected a message of at most {MAX_SIGNED_BYTES} bytes");
        return Err(Status::invalid_argument(text));
    }
    let request: messaging::SendMessageRequest = decode_body(body)?;
    request.validate().map_err(Status::invalid_argument)?;
    let raw = signed?;
    let message = messaging::Message::decode(raw).map_err(Status::invalid_argument)?;
    let intent = intent_id(request.rendezvous_key.as_ref())?;
    let signature = signature(request.signature.as_ref())?;
    if message.id.is_some() {
        return Err(Status::invalid_argument("message.id cannot be set by clients"));
    }
    if message.send_message_request_signature.is_some() {
        let text = "message.send_message_request_signature cannot be set by clients";
        return Err(Status::invalid_argument(text));
    }
    let kind = message.kind.ok_or_else(|| Status::invalid_argument("message.kind must be set"))?;
    // Whether the kind is a client's is asked before the signature (protocol e.2), what it says after.
    if let Some(name) = server_only(&kind) {
        return Err(Status::invalid_argument(format!("message.kind cannot be {name}")));
    }
    let signed = unproven(raw, signature)?;
    // Nobody is asked about a domain for the sake of a message that nobody signed.
    if asks_for_a_site(&kind) && !is_signed(intent, &signed) {
        return Err(Status::unauthenticated());
    }
    let request = match request_of(api, intent, &kind, raw, &signed).await {
        Ok(request) => request,
        // The engine checks the signature of what it is asked. What it is not asked is checked here, so that only who holds
        // the key learns what is wrong with the content (protocol e.2: step 4 before step 5).
        Err(_) if !is_signed(intent, &signed) => return Err(Status::unauthenticated()),
        Err(status) => return Err(status),
    };
    // The message's own record, new or repeated; after a payment without a scan it is the submission's, and nobody will
    // find a message under that id. Nor under that of a message which came before its request.
    let position = record(api, intent, request, &kind, &signed).await?.unwrap_or(Position::START);
    let value = message_id(intent, position).to_vec();
    Ok(messaging::SendMessageResponse {
        result: messaging::send_message_response::Result::Ok.into(),
        message_id: Some(messaging::MessageId { value }),
    })
}

/// Asks the engine. `None` for what needs no request (protocol e.2) and came before one: a scan waits for it.
async fn record(
    api: &Api,
    intent: IntentId,
    request: Request,
    kind: &Kind,
    signed: &Unproven,
) -> Result<Option<Position>, Status> {
    let asked = api.engine.execute(request.clone()).await;
    let unknown = |error: &Error| matches!(error, Error::Rejected(rejection) if rejection.code == RejectionCode::IntentNotFound);
    match (kind, asked) {
        (Kind::RequestToReceiveBill(_) | Kind::RequestToLogin(_), Ok(accepted)) => {
            if let Some(signed) = api.early_scans.take(intent) {
                let scan = Request::MarkScanned { intent, signed, expected: None };
                // The request is on record whatever becomes of it.
                if let Err(error) = api.engine.execute(scan).await {
                    tracing::debug!(%error, %intent, "a scan that came before its request is lost");
                }
            }
            Ok(Some(accepted.position))
        }
        (Kind::ClientRejectedPayment(_) | Kind::ClientRejectedLogin(_), Err(error)) if unknown(&error) => {
            Ok(None)
        }
        (Kind::CodeScanned(_), Err(error)) if unknown(&error) => {
            api.early_scans.remember(intent, signed);
            // The request may have come between the two.
            match api.engine.execute(request).await {
                Err(error) if unknown(&error) => Ok(None),
                answer => {
                    api.early_scans.take(intent);
                    answer
                        .map(|accepted| Some(accepted.position))
                        .map_err(|error| refusal::failed(error, intent))
                }
            }
        }
        (_, answer) => {
            answer.map(|accepted| Some(accepted.position)).map_err(|error| refusal::failed(error, intent))
        }
    }
}

/// What a client's message asks of the engine; the kind-specific checks of protocol e.2.
async fn request_of(
    api: &Api,
    intent: IntentId,
    kind: &Kind,
    raw: &[u8],
    signed: &Unproven,
) -> Result<Request, Status> {
    let signed = signed.clone();
    match kind {
        Kind::RequestToReceiveBill(request) => {
            let raw = wire::sub_message(raw, 5).map_err(malformed)?;
            let terms = receive_bill::terms(api, intent, request, raw).await?;
            Ok(Request::Create { intent, terms, signed })
        }
        Kind::RequestToLogin(request) => {
            let raw = wire::sub_message(raw, 10).map_err(malformed)?;
            let login = login::terms(api, intent, request, raw).await?;
            Ok(Request::RequestLogin { intent, login, signed })
        }
        Kind::CodeScanned(_) => Ok(Request::MarkScanned { intent, signed, expected: None }),
        Kind::ClientRejectedPayment(rejected) => {
            if rejected.intent_id.as_ref().is_none_or(|id| id.value != intent.0) {
                return Err(Status::invalid_argument(format!("intent id must be {intent}")));
            }
            Ok(Request::Cancel { intent, by: CanceledBy::Payer, signed, expected: None })
        }
        // Accounts of this node are primary ones and those that sites know: none is ever what the rule asks for.
        Kind::RequestToGrabBill(_) => {
            let text = "requestor account must be latest temporary incoming account";
            Err(Status::new(Code::PermissionDenied, text))
        }
        Kind::ClientRejectedLogin(_) => {
            Ok(Request::Cancel { intent, by: CanceledBy::Payer, signed, expected: None })
        }
        Kind::IntentSubmitted(_) | Kind::WebhookCalled(_) | Kind::AirdropReceived(_) => {
            Err(Status::invalid_argument("message.kind cannot be one that only a server sends"))
        }
    }
}

/// Whether what a message says can only be accepted after somebody else was asked.
fn asks_for_a_site(kind: &Kind) -> bool {
    match kind {
        Kind::RequestToReceiveBill(request) => request.domain.is_some(),
        Kind::RequestToLogin(_) => true,
        _ => false,
    }
}

fn is_signed(intent: IntentId, signed: &Unproven) -> bool {
    signed.candidates.iter().any(|bytes| is_signed_by(&intent.0, bytes, &signed.signature))
}

/// An open `OpenMessageStream`: what is there and was not acknowledged, then what comes, in order and each once.
pub(super) struct MessageStream {
    replay: VecDeque<Letter>,
    seen: Position,
    live: Stream,
}

/// `OpenMessageStream`. The signature is optional, as browsers do not sign (protocol g.4).
pub(super) async fn open(api: &Api, origin: Option<Origin>, body: &[u8]) -> Result<MessageStream, Status> {
    let request: messaging::OpenMessageStreamRequest = decode_body(body)?;
    request.validate().map_err(Status::invalid_argument)?;
    once(body, &[1, 2])?;
    let intent = intent_id(request.rendezvous_key.as_ref())?;
    let has_signed = request.signature.is_some();
    if has_signed {
        authenticate(intent, body, signature(request.signature.as_ref())?)?;
    }
    // In this order: what happens between the two is in both, and is dropped from the second by its position.
    let live = api.hub.open(intent, Client { has_signed, origin })?;
    let (seen, replay) = unread(api, intent).await?;
    Ok(MessageStream { replay: replay.into(), seen, live })
}

impl MessageStream {
    /// The next serialized `OpenMessageStreamResponse`; waits for it. Cancel safe.
    pub(super) async fn next(&mut self) -> Result<Vec<u8>, Status> {
        if let Some(letter) = self.replay.pop_front() {
            return Ok(delimited(1, &letter.bytes));
        }
        loop {
            let letter = self.live.next().await?;
            if letter.position > self.seen {
                return Ok(delimited(1, &letter.bytes));
            }
        }
    }
}

/// A stream's last words when its life is over.
pub(super) fn aged() -> Status {
    Status::new(Code::DeadlineExceeded, "the stream has reached its age")
}

/// `PollMessages`: the serialized `PollMessagesResponse`.
pub(super) async fn poll(api: &Api, body: &[u8]) -> Result<Vec<u8>, Status> {
    let request: messaging::PollMessagesRequest = decode_body(body)?;
    request.validate().map_err(Status::invalid_argument)?;
    once(body, &[1, 2])?;
    let intent = intent_id(request.rendezvous_key.as_ref())?;
    authenticate(intent, body, signature(request.signature.as_ref())?)?;
    let (_, letters) = unread(api, intent).await?;
    Ok(letters.iter().take(MAX_POLLED).flat_map(|letter| delimited(1, &letter.bytes)).collect())
}

/// `AckMessages`. Unsigned; ids of no message are passed over and not kept, so that strangers cannot fill the table.
pub(super) async fn acknowledge(api: &Api, body: &[u8]) -> Result<messaging::AckMesssagesResponse, Status> {
    let request: messaging::AckMessagesRequest = decode_body(body)?;
    request.validate().map_err(Status::invalid_argument)?;
    let intent = intent_id(request.rendezvous_key.as_ref())?;
    let Inbox { letters, .. } = Inbox::read(&api.engine, intent).await?;
    let is_named = |id: &[u8; 16]| request.message_ids.iter().any(|named| named.value == id);
    let ids: Vec<_> = letters.iter().map(|letter| letter.id).filter(is_named).collect();
    if !ids.is_empty() {
        acknowledged::write(&api.options.acknowledged, intent, ids).await?;
    }
    Ok(messaging::AckMesssagesResponse { result: messaging::ack_messsages_response::Result::Ok.into() })
}

/// What was not acknowledged, and up to which position that is everything.
async fn unread(api: &Api, intent: IntentId) -> Result<(Position, Vec<Letter>), Status> {
    let Inbox { seen, mut letters } = Inbox::read(&api.engine, intent).await?;
    if !letters.is_empty() {
        let acknowledged = acknowledged::read(&api.options.acknowledged, intent).await?;
        letters.retain(|letter| !acknowledged.contains(&letter.id));
    }
    Ok((seen, letters))
}

/// Whether a message is signed by an intent's rendezvous key, by the rule that [`send`] goes by.
pub(super) fn is_authentic(intent: IntentId, message: &[u8], signature: SignatureBytes) -> bool {
    unproven(message, signature).is_ok_and(|signed| is_signed(intent, &signed))
}

/// The bytes a message's signature may cover, for the engine to check.
fn unproven(raw: &[u8], signature: SignatureBytes) -> Result<Unproven, Status> {
    let form = SignedForm::CodeMessage;
    // A message with two readings: which field counts would depend on who decodes the log later.
    if wire::reordered(raw, &MESSAGE, wire::Order::Ascending).map_err(malformed)?.is_none() {
        return Err(Status::invalid_argument("message: expected each field, and one kind, once"));
    }
    let candidates = wire::signed_candidates(raw, &MESSAGE, None).map_err(malformed)?;
    Ok(Unproven { form, candidates, signature: Signature(signature) })
}

/// Checks a request that carries its own signature as field 2.
fn authenticate(intent: IntentId, body: &[u8], signature: SignatureBytes) -> Result<(), Status> {
    let key = PublicKey(intent.0);
    let candidates = wire::signed_candidates(body, &KEY_AND_SIGNATURE, Some(2)).map_err(malformed)?;
    if candidates.iter().any(|signed| key.verifies(signed, &signature)) {
        Ok(())
    } else {
        Err(Status::unauthenticated())
    }
}

/// The bytes of the first of these fields, after checking that none of them is there twice.
fn once<'a>(body: &'a [u8], fields: &[u32]) -> Result<&'a [u8], Status> {
    let mut first = None;
    for (index, field) in fields.iter().enumerate() {
        match wire::sub_message(body, *field) {
            Ok(bytes) if index == 0 => first = Some(bytes),
            // Whether a field may be missing is the schema's to say.
            Ok(_) | Err(WireError::Missing(_)) => {}
            Err(error) => return Err(malformed(error)),
        }
    }
    first.ok_or_else(|| malformed(WireError::Missing(fields.first().copied().unwrap_or_default())))
}

fn intent_id(key: Option<&messaging::RendezvousKey>) -> Result<IntentId, Status> {
    let bytes = key.and_then(|key| key.value.as_slice().try_into().ok());
    bytes.map(IntentId).ok_or_else(|| Status::invalid_argument("rendezvous_key must be set"))
}

fn signature(signature: Option<&common::Signature>) -> Result<SignatureBytes, Status> {
    let bytes = signature.and_then(|signature| signature.value.as_slice().try_into().ok());
    bytes.ok_or_else(|| Status::invalid_argument("signature must be set"))
}

/// Bytes that are no message, or none whose signed part can be told.
pub(super) fn malformed(error: WireError) -> Status {
    Status::invalid_argument(format!("undecodable request: {error}"))
}

/// The name of a kind that clients may not send.
fn server_only(kind: &Kind) -> Option<&'static str> {
    match kind {
        Kind::IntentSubmitted(_) => Some("intent_submitted"),
        Kind::WebhookCalled(_) => Some("webhook_called"),
        Kind::AirdropReceived(_) => Some("airdrop_received"),
        Kind::RequestToReceiveBill(_)
        | Kind::CodeScanned(_)
        | Kind::ClientRejectedPayment(_)
        | Kind::RequestToGrabBill(_)
        | Kind::RequestToLogin(_)
        | Kind::ClientRejectedLogin(_) => None,
    }
}
