//! Logins and webhooks.

use std::time::Duration;

use quittance_core::command::{DeliveryReport, EstablishRelationship, Login, RequestLogin};
use quittance_core::ids::{IntentId, Position};
use quittance_core::state::{Asked, Status};
use quittance_core::webhook::DeliveryOutcome;

use super::{Answer, Intent, Model, ensure, micros, refusal, refuse, unless_repeated};

/// The seconds in front of each attempt.
const WAITS: [u64; 8] = [0, 1, 1, 15, 60, 900, 3_600, 86_400];

/// Who is to be told.
#[derive(Clone, Debug)]
pub(super) struct Hook {
    url: String,
    /// The next attempt: its number and when it is due.
    pub(super) due: Option<(u8, u64)>,
    /// The record that ordered the delivery under way, or the last.
    ordered: Option<u64>,
    pub(super) attempts: usize,
}

impl Model {
    pub(super) fn request_login(&mut self, now: u64, request: &RequestLogin) -> Answer {
        let asked = Asked::Login(Box::new(request.login.clone()));
        if let Some(known) = self.intents.get(&request.intent) {
            known.open(now)?;
            unless_repeated(known.asked == asked)?;
            return refuse(38);
        }
        let deadline = now.saturating_add(micros(self.policy().intent_lifetime));
        self.intents.insert(request.intent, Intent::new(asked, deadline));
        Ok(vec!["payment_intent.login_requested"])
    }

    pub(super) fn login(&mut self, now: u64, login: &Login) -> Answer {
        let (known_as, at) = (self.known_as.clone(), self.records + 1);
        let intent = self.intents.get_mut(&login.intent).ok_or(refusal(30))?;
        let domain = match &intent.asked {
            Asked::Login(login) => login.domain.clone(),
            Asked::Payment(terms) => {
                let proved = terms.site.as_ref().is_some_and(|site| site.verifier.is_some());
                return refuse(if proved { 161 } else { 160 });
            }
        };
        let theirs = known_as.iter().any(|((_, site), account)| (site, *account) == (&domain, login.user));
        ensure(theirs, 162)?;
        unless_repeated(intent.user == Some(login.user))?;
        ensure(intent.user.is_none(), 163)?;
        intent.open(now)?;
        intent.user = Some(login.user);
        intent.arm(now, at);
        Ok(intent.becomes(Status::Confirmed, &["payment_intent.logged_in"]))
    }

    pub(super) fn establish(&mut self, wish: &EstablishRelationship) -> Answer {
        let key = (wish.owner, wish.domain.clone());
        unless_repeated(self.known_as.get(&key) == Some(&wish.authority))?;
        ensure(!self.known_as.contains_key(&key), 164)?;
        ensure(!self.known_as.values().any(|account| *account == wish.authority), 164)?;
        ensure(self.accounts.contains_key(&wish.owner), 165)?;
        self.known_as.insert(key, wish.authority);
        Ok(vec!["account.relationship_established"])
    }

    pub(super) fn register_webhook(&mut self, now: u64, id: IntentId, url: &str) -> Answer {
        let intent = self.intents.get_mut(&id).ok_or(refusal(30))?;
        unless_repeated(intent.hook.as_ref().is_some_and(|hook| hook.url == url))?;
        intent.open(now)?;
        ensure(intent.hook.is_none(), 150)?;
        ensure(url.len() <= 1_024 && !url.is_empty() && url.chars().all(|c| ('!'..='~').contains(&c)), 151)?;
        intent.hook = Some(Hook { url: url.to_owned(), due: None, ordered: None, attempts: 0 });
        Ok(intent.becomes(Status::Created, &["webhook.registered"]))
    }

    pub(super) fn report_delivery(
        &mut self,
        now: u64,
        DeliveryReport { intent: id, ordered, attempt, outcome, latency }: &DeliveryReport,
    ) -> Answer {
        let (attempt, latency) = (*attempt, *latency);
        let intent = self.intents.get_mut(id).ok_or(refusal(30))?;
        let hook = intent.hook.as_mut().filter(|hook| hook.ordered.is_some()).ok_or(refusal(152))?;
        ensure(hook.ordered == Some(ordered.0), 153)?;
        unless_repeated((1..=hook.attempts).contains(&usize::from(attempt)))?;
        ensure(hook.due.is_some_and(|(next, _)| next == attempt), 153)?;
        hook.attempts += 1;
        hook.due = None;
        if matches!(outcome, DeliveryOutcome::Answered { status: 200 }) {
            return Ok(intent.becomes(intent.status, &["webhook.delivered"]));
        }
        let began = now.saturating_sub(micros(latency.min(Duration::from_secs(3_600))));
        let wait = WAITS.get(usize::from(attempt));
        hook.due = wait.map(|wait| (attempt + 1, began + wait * 1_000_000));
        Ok(intent.becomes(intent.status, &["webhook.attempt_failed"]))
    }

    pub(super) fn redeliver(&mut self, now: u64, id: IntentId) -> Answer {
        let at = self.records + 1;
        let intent = self.intents.get_mut(&id).ok_or(refusal(30))?;
        let hook = intent.hook.as_mut().filter(|hook| hook.ordered.is_some()).ok_or(refusal(152))?;
        (hook.due, hook.attempts, hook.ordered) = (Some((1, now)), 0, Some(at));
        Ok(intent.becomes(intent.status, &["webhook.redelivery_ordered"]))
    }

    pub(super) fn give_up(&mut self, id: IntentId, ordered: Option<Position>) -> Answer {
        let intent = self.intents.get_mut(&id).ok_or(refusal(30))?;
        let hook = intent.hook.as_mut().filter(|hook| hook.ordered.is_some()).ok_or(refusal(152))?;
        ensure(ordered.is_none_or(|at| hook.ordered == Some(at.0)), 153)?;
        ensure(hook.due.take().is_some(), 153)?;
        hook.attempts += 1;
        Ok(intent.becomes(intent.status, &["webhook.attempt_failed"]))
    }
}

impl Intent {
    /// There is something to tell from now on.
    pub(super) fn arm(&mut self, now: u64, at: u64) {
        if let Some(hook) = &mut self.hook {
            (hook.ordered, hook.due) = (Some(at), Some((1, now)));
        }
    }
}
