use quittance_core::webhook::{self, DeliveryOutcome, public_url};
use serde::{Deserialize, Serialize};

use super::time;

/// Who is to be told when an intent is paid, and how that went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhook {
    /// Where: the scheme and the host, for everybody but the operator.
    pub url: String,
    /// `waiting`, `pending`, `delivered` or `failed`.
    pub state: String,
    /// When the next attempt is to be made, if one is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_attempt_at: Option<String>,
    /// The attempts since it was paid or last ordered again, in order.
    pub attempts: Vec<DeliveryAttempt>,
}

/// One attempt at a delivery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryAttempt {
    /// When it ended.
    pub at: String,
    /// How long it took, in microseconds.
    pub latency_us: u64,
    /// The HTTP status, if an answer came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Why none came, for the operator alone: the words have hosts and addresses in them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Webhook {
    /// All of it, for whoever operates the node.
    #[must_use]
    pub fn whole(webhook: &webhook::Webhook) -> Self {
        Self {
            url: webhook.url.clone(),
            state: webhook.delivery.name().into(),
            next_attempt_at: webhook.due().map(time),
            attempts: webhook.attempts.iter().map(DeliveryAttempt::from).collect(),
        }
    }
}

/// As everybody sees it who knows the intent's id: a payer must not learn what the merchant's server takes as proof.
impl From<&webhook::Webhook> for Webhook {
    fn from(webhook: &webhook::Webhook) -> Self {
        let mut shown = Self::whole(webhook);
        shown.url = public_url(&webhook.url);
        for attempt in &mut shown.attempts {
            attempt.error = None;
        }
        shown
    }
}

impl From<&webhook::DeliveryAttempt> for DeliveryAttempt {
    fn from(attempt: &webhook::DeliveryAttempt) -> Self {
        let (status, error) = match &attempt.outcome {
            DeliveryOutcome::Answered { status } => (Some(*status), None),
            DeliveryOutcome::Unreachable { reason } => (None, Some(reason.clone())),
        };
        let latency_us = u64::try_from(attempt.latency.as_micros()).unwrap_or(u64::MAX);
        Self { at: time(attempt.at), latency_us, status, error }
    }
}
