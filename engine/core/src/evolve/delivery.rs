use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::event::{Event, Record};
use crate::ids::Position;
use crate::state::Intent;
use crate::webhook::{Delivery, DeliveryAttempt, DeliveryOutcome, Webhook};

/// Takes an event about an intent's webhook into it.
pub(super) fn take(intent: &mut Intent, record: &Record) -> Result<(), &'static str> {
    if let Event::WebhookRegistered { url } = &record.event {
        let webhook = Webhook {
            url: url.clone(),
            registered: record.position,
            armed: None,
            ordered: None,
            delivery: Delivery::Waiting,
            attempts: Vec::new(),
        };
        let before = intent.webhook.replace(Box::new(webhook));
        return if before.is_none() { Ok(()) } else { Err("the intent has a webhook already") };
    }
    let webhook = intent.webhook.as_mut().filter(|webhook| webhook.armed.is_some());
    let webhook = webhook.ok_or("there is nothing to deliver")?;
    let (attempt, outcome, latency, next) = match &record.event {
        Event::WebhookRedeliveryOrdered => {
            webhook.delivery = Delivery::Pending { due: record.recorded_at };
            webhook.ordered = Some(record.position);
            webhook.attempts.clear();
            return Ok(());
        }
        Event::WebhookDelivered { attempt, latency } => {
            (*attempt, DeliveryOutcome::Answered { status: 200 }, *latency, Delivery::Delivered)
        }
        Event::WebhookAttemptFailed { attempt, outcome, latency, next } if !outcome.is_delivered() => {
            let next = next.map_or(Delivery::Failed, |due| Delivery::Pending { due });
            (*attempt, outcome.clone(), *latency, next)
        }
        _ => return Err("it says of nothing what came of it"),
    };
    if webhook.due().is_none() || attempt != webhook.next_attempt() || attempt == u8::MAX {
        return Err("the attempt is not the one that was to be made");
    }
    webhook.attempts.push(DeliveryAttempt { at: record.recorded_at, latency, outcome });
    webhook.delivery = next;
    Ok(())
}

/// From here on there is something to tell.
pub(super) fn arm(intent: &mut Intent, record: &Record, at: Position) {
    if let Some(webhook) = &mut intent.webhook {
        webhook.armed = Some(at);
        webhook.ordered = Some(at);
        webhook.delivery = Delivery::Pending { due: record.recorded_at };
    }
}
