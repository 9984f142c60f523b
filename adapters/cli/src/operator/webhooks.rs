//! What the operator asks of webhooks.

use quittance_core::command::Request;
use quittance_core::ids::IntentId;
use quittance_core::rejection::{Rejection, RejectionCode};
use quittance_core::state::{Intent, Key, State};
use quittance_http_api::document;
use quittance_runtime::{Error, Handle};
use serde_json::{Value, json};

use super::MAX_WEBHOOKS;

/// The webhooks that are still to be called, those that are due first.
///
/// # Errors
/// The engine does not answer.
pub(super) async fn pending(engine: &Handle) -> Result<Vec<Value>, Error> {
    let pending = engine.query(|state| {
        let known = |(_, id)| Some((id, webhook(state.intent(&id)?)?));
        state.deliveries().take(MAX_WEBHOOKS).filter_map(known).collect::<Vec<_>>()
    });
    Ok(pending.await?.into_iter().map(|(id, webhook)| entry(id, &webhook)).collect())
}

/// One intent's webhook, or why there is none.
///
/// # Errors
/// The engine does not answer, or the intent's records cannot be read.
pub(super) async fn one(engine: &Handle, id: IntentId) -> Result<Value, Error> {
    let look = move |state: &State| match state.intent(&id) {
        None => Err(Rejection::new(RejectionCode::IntentNotFound, "intent", "a known intent", id)),
        Some(intent) => webhook(intent).ok_or_else(|| {
            let expected = "an intent with a webhook";
            Rejection::new(RejectionCode::WebhookNotArmed, "intent", expected, "one without")
        }),
    };
    let found = engine.query_about(Key::Intent(id), look).await?;
    Ok(found.map_or_else(|refused| json!({ "refused": refused.to_string() }), |webhook| entry(id, &webhook)))
}

/// Orders a delivery again; the webhook after that.
///
/// # Errors
/// As [`one`].
pub(super) async fn redeliver(engine: &Handle, id: IntentId) -> Result<Value, Error> {
    order(engine, id, Request::Redeliver { intent: id }).await
}

/// Gives a delivery up; the webhook after that.
///
/// # Errors
/// As [`one`].
pub(super) async fn give_up(engine: &Handle, id: IntentId) -> Result<Value, Error> {
    let reason = "given up without a call: the operator ordered it".to_owned();
    order(engine, id, Request::GiveUpDelivery { intent: id, ordered: None, reason }).await
}

async fn order(engine: &Handle, id: IntentId, order: Request) -> Result<Value, Error> {
    match engine.execute(order).await {
        Ok(_) => one(engine, id).await,
        Err(Error::Rejected(refused)) => Ok(json!({ "refused": refused.to_string() })),
        Err(error) => Err(error),
    }
}

fn webhook(intent: &Intent) -> Option<document::Webhook> {
    intent.webhook.as_deref().map(document::Webhook::whole)
}

fn entry(id: IntentId, webhook: &document::Webhook) -> Value {
    json!({ "intent": id.to_string(), "webhook": webhook })
}
