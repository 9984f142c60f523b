use quittance_core::command::Request;
use quittance_core::ids::IntentId;
use quittance_core::rejection::RejectionCode;
use quittance_core::state::Key;
use quittance_outbound::{Error, Outbound, UrlError};
use quittance_runtime::Error as EngineError;

use super::{Api, refusal};
use crate::envelope::{Method, decode_body};
use crate::json_v1::IntentStatus;
use crate::proto::code::micropayment::v1 as micropayment;
use crate::proto::code::micropayment::v1::register_webhook_response::Result as Registered;
use crate::status::Status;
use crate::validate::Validate;

/// `MicroPayment.GetStatus` (protocol e.7).
pub(super) async fn get_status(api: &Api, body: &[u8]) -> Result<micropayment::GetStatusResponse, Status> {
    let request: micropayment::GetStatusRequest = decode_body(body)?;
    request.validate().map_err(Status::invalid_argument)?;
    status(api, intent_id(request.intent_id.as_ref())?).await
}

/// `MicroPayment.RegisterWebhook` (protocol e.8). The reference resolves the URL's host first of all; here that comes last, so that
/// nobody who knows no intent can make the node ask anybody for an address.
pub(super) async fn register_webhook(
    api: &Api,
    body: &[u8],
) -> Result<micropayment::RegisterWebhookResponse, Status> {
    let outbound = outbound(api)?;
    let request: micropayment::RegisterWebhookRequest = decode_body(body)?;
    request.validate().map_err(Status::invalid_argument)?;
    let (intent, url) = (intent_id(request.intent_id.as_ref())?, &request.url);
    let checked = match outbound.host(url) {
        Ok(_) => match takes_webhook(api, intent).await? {
            None => return Ok(answer(Registered::RequestNotFound)),
            Some(true) => check(outbound, url).await?,
            // One is there, or there is nothing to tell any more: the engine says which.
            Some(false) => Ok(()),
        },
        Err(error) => Err(error),
    };
    let result = match checked {
        Ok(()) => register(api, intent, url).await?,
        Err(error) => {
            tracing::debug!(%error, %intent, "a webhook is not called");
            Registered::InvalidUrl
        }
    };
    Ok(answer(result))
}

fn answer(result: Registered) -> micropayment::RegisterWebhookResponse {
    micropayment::RegisterWebhookResponse { result: result.into() }
}

/// Whether a webhook may still be registered for an intent; `None` where there is none. Once it may not, it never may again.
async fn takes_webhook(api: &Api, intent: IntentId) -> Result<Option<bool>, Status> {
    let look = move |state: &quittance_core::state::State| {
        let known = state.intent(&intent)?;
        Some(known.webhook.is_none() && !known.is_submitted() && !known.status().is_terminal())
    };
    api.engine.query_about(Key::Intent(intent), look).await.map_err(|error| refusal::failed(error, intent))
}

/// What keeps a URL from being called, if anything does.
///
/// # Errors
/// This node has too much to ask to find out.
pub(super) async fn check(outbound: &Outbound, url: &str) -> Result<Result<(), UrlError>, Status> {
    match outbound.check_url(url).await {
        Ok(()) => Ok(Ok(())),
        Err(Error::Url(error)) => Ok(Err(error)),
        Err(error) => Err(refusal::unavailable(&error.to_string())),
    }
}

/// The door out, where this node has one.
pub(super) fn outbound(api: &Api) -> Result<&Outbound, Status> {
    api.options.outbound.as_ref().ok_or_else(|| refusal::not_available(Method::RegisterWebhook))
}

/// Registers a URL that was checked. The same one again is OK, unlike in the reference: a client that repeats a request it had
/// no answer to must not fail (protocol h.1).
pub(super) async fn register(api: &Api, intent: IntentId, url: &str) -> Result<Registered, Status> {
    use RejectionCode as Rule;
    match api.engine.execute(Request::RegisterWebhook { intent, url: url.to_owned() }).await {
        Ok(_) => Ok(Registered::Ok),
        Err(EngineError::Rejected(rejection)) => match rejection.code {
            Rule::IntentNotFound => Ok(Registered::RequestNotFound),
            Rule::WebhookMismatch => Ok(Registered::AlreadyRegistered),
            Rule::WebhookUrlOutOfRange => Ok(Registered::InvalidUrl),
            // Paid, or never to be paid: there is nothing to wait for any more.
            Rule::IntentAlreadySubmitted
            | Rule::IntentCanceled
            | Rule::IntentExpired
            | Rule::IntentRejected
            | Rule::IntentFailed => Ok(Registered::IntentExists),
            _ => Err(refusal::failed(rejection.into(), intent)),
        },
        Err(error) => Err(refusal::failed(error, intent)),
    }
}

fn intent_id(id: Option<&crate::proto::code::common::v1::IntentId>) -> Result<IntentId, Status> {
    let bytes = id.and_then(|id| id.value.as_slice().try_into().ok());
    bytes.map(IntentId).ok_or_else(|| Status::invalid_argument("intent_id must be set"))
}

/// The same for the JSON API.
pub(super) async fn intent_status(api: &Api, intent: IntentId) -> Result<IntentStatus, Status> {
    Ok(match status(api, intent).await? {
        micropayment::GetStatusResponse { intent_submitted: true, .. } => IntentStatus::Submitted,
        micropayment::GetStatusResponse { exists: true, .. } => IntentStatus::Pending,
        _ => IntentStatus::Unknown,
    })
}

/// What the log says; nothing a client acknowledges changes it. An accepted payment counts as submitted even when its
/// settlement failed later: the reference takes back only what was revoked, and nothing here revokes.
async fn status(api: &Api, intent: IntentId) -> Result<micropayment::GetStatusResponse, Status> {
    let look = move |state: &quittance_core::state::State| {
        let known = state.intent(&intent);
        micropayment::GetStatusResponse {
            exists: known.is_some(),
            code_scanned: known.is_some_and(|known| known.scanned.is_some()),
            intent_submitted: known.is_some_and(quittance_core::state::Intent::is_submitted),
        }
    };
    api.engine.query_about(Key::Intent(intent), look).await.map_err(|error| refusal::failed(error, intent))
}
