//! Webhooks: who is to be told, and what came of telling them.

use alloc::vec;
use core::time::Duration;

use super::settle::cut;
use super::{Decision, known};
use crate::command::DeliveryReport;
use crate::event::Event;
use crate::ids::{IntentId, Position, Timestamp};
use crate::quote::open;
use crate::rejection::{Rejection, RejectionCode};
use crate::state::{Intent, State};
use crate::webhook::{DeliveryOutcome, MAX_REASON_BYTES, MAX_URL_BYTES, Webhook, retry_at};

/// The longest an attempt can have taken; a deliverer gives up long before.
const MAX_LATENCY: Duration = Duration::from_secs(60 * 60);

pub(super) fn register(
    state: &State,
    id: IntentId,
    url: &str,
    now: Timestamp,
) -> Result<Decision, Rejection> {
    let intent = known(state, id)?;
    if let Some(webhook) = intent.webhook.as_ref().filter(|webhook| webhook.url == url) {
        return Ok(Decision::repeated(Some(id), webhook.registered));
    }
    open(intent, now)?;
    if let Some(webhook) = &intent.webhook {
        return Err(Rejection::new(RejectionCode::WebhookMismatch, "url", webhook.url.as_str(), url));
    }
    if url.is_empty() || url.len() > MAX_URL_BYTES || !url.bytes().all(|byte| byte.is_ascii_graphic()) {
        let expected = alloc::format!("1 to {MAX_URL_BYTES} printable ASCII characters");
        let got = alloc::format!("{} bytes", url.len());
        return Err(Rejection::new(RejectionCode::WebhookUrlOutOfRange, "url", expected, got));
    }
    // After this point it succeeds.
    Ok(Decision::new(Some(id), vec![Event::WebhookRegistered { url: url.into() }]))
}

pub(super) fn report(state: &State, report: &DeliveryReport, now: Timestamp) -> Result<Decision, Rejection> {
    let DeliveryReport { intent: id, ordered, attempt, ref outcome, latency } = *report;
    let intent = known(state, id)?;
    let webhook = armed(intent)?;
    let code = RejectionCode::WebhookAttemptOutOfOrder;
    as_ordered(webhook, ordered)?;
    let next = webhook.next_attempt();
    if attempt > 0 && attempt < next {
        return Ok(Decision::repeated(Some(id), intent.last_position));
    }
    if attempt != next || webhook.due().is_none() {
        let expected = match webhook.due() {
            Some(_) => alloc::format!("{next}"),
            None => alloc::format!("none: the webhook is {}", webhook.delivery.name()),
        };
        return Err(Rejection::new(code, "attempt", expected, attempt));
    }
    // After this point it succeeds.
    let latency = latency.min(MAX_LATENCY);
    let event = if outcome.is_delivered() {
        Event::WebhookDelivered { attempt, latency }
    } else {
        let outcome = match outcome {
            DeliveryOutcome::Unreachable { reason } => unreachable(reason),
            answered @ DeliveryOutcome::Answered { .. } => answered.clone(),
        };
        Event::WebhookAttemptFailed { attempt, outcome, latency, next: retry_at(attempt, now, latency) }
    };
    Ok(Decision::new(Some(id), vec![event]))
}

pub(super) fn redeliver(state: &State, id: IntentId) -> Result<Decision, Rejection> {
    armed(known(state, id)?)?;
    Ok(Decision::new(Some(id), vec![Event::WebhookRedeliveryOrdered]))
}

pub(super) fn give_up(
    state: &State,
    id: IntentId,
    ordered: Option<Position>,
    reason: &str,
) -> Result<Decision, Rejection> {
    let webhook = armed(known(state, id)?)?;
    ordered.map_or(Ok(()), |ordered| as_ordered(webhook, ordered))?;
    if webhook.due().is_none() {
        let (code, expected) = (RejectionCode::WebhookAttemptOutOfOrder, "one that is pending");
        return Err(Rejection::new(code, "webhook", expected, webhook.delivery.name()));
    }
    // After this point it succeeds.
    let (attempt, outcome) = (webhook.next_attempt(), unreachable(reason));
    let event = Event::WebhookAttemptFailed { attempt, outcome, latency: Duration::ZERO, next: None };
    Ok(Decision::new(Some(id), vec![event]))
}

fn unreachable(reason: &str) -> DeliveryOutcome {
    DeliveryOutcome::Unreachable { reason: cut(reason, MAX_REASON_BYTES).into() }
}

/// Refuses what was meant for another order: it may have been ordered again since, and what began before that is not what was
/// ordered.
fn as_ordered(webhook: &Webhook, ordered: Position) -> Result<(), Rejection> {
    if webhook.ordered == Some(ordered) {
        return Ok(());
    }
    let expected = webhook.ordered.map(|at| alloc::format!("{at}")).unwrap_or_default();
    Err(Rejection::new(RejectionCode::WebhookAttemptOutOfOrder, "ordered", expected, ordered))
}

fn armed(intent: &Intent) -> Result<&Webhook, Rejection> {
    let code = RejectionCode::WebhookNotArmed;
    match &intent.webhook {
        Some(webhook) if webhook.armed.is_some() => Ok(webhook),
        Some(_) => {
            let expected = "an intent that somebody has paid";
            Err(Rejection::new(code, "intent", expected, intent.status().name()))
        }
        None => Err(Rejection::new(code, "intent", "an intent with a webhook", "one without")),
    }
}
