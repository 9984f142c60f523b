//! Creating an intent, and what can happen to it before anybody pays.

use alloc::string::ToString;
use alloc::vec;

use super::{Decision, as_seen, known};
use crate::command::{Cancel, Create, MarkScanned};
use crate::event::Event;
use crate::ids::{IntentId, Timestamp};
use crate::quote::open;
use crate::rejection::{Rejection, RejectionCode};
use crate::state::{Asked, Intent, Phase, State};
use crate::terms::Terms;

pub(super) fn create(state: &State, create: &Create, now: Timestamp) -> Result<Decision, Rejection> {
    if let Some(original) = state.intent(&create.intent) {
        return create_again(original, create.intent, &Asked::Payment(create.terms.clone()), now);
    }
    let policy = state.policy();
    create.terms.check(policy.fee_cap)?;
    let expires_at = deadline(state, &create.terms, now)?;
    // After this point it succeeds.
    let Create { intent, terms, authorization } = create.clone();
    Ok(Decision::new(
        Some(intent),
        vec![Event::IntentCreated { terms: terms.into(), authorization, expires_at }],
    ))
}

/// The three answers: ended before, how; other content, which field differs; same request, same answer.
pub(super) fn create_again(
    original: &Intent,
    id: IntentId,
    repeated: &Asked,
    now: Timestamp,
) -> Result<Decision, Rejection> {
    open(original, now)?;
    let mismatch = match (&original.asked, repeated) {
        (Asked::Payment(original), Asked::Payment(repeated)) => original.mismatch(repeated),
        (Asked::Login(original), Asked::Login(repeated)) => original.mismatch(repeated),
        (Asked::Payment(terms), Asked::Login(_)) => {
            let expected = terms.amount.to_string();
            Some(Rejection::new(RejectionCode::TermsMismatch, "payment", expected, "none"))
        }
        (Asked::Login(_), Asked::Payment(terms)) => {
            Some(Rejection::new(RejectionCode::TermsMismatch, "payment", "none", terms.amount))
        }
    };
    match mismatch {
        Some(mismatch) => Err(mismatch),
        None => Ok(Decision::repeated(Some(id), original.created)),
    }
}

fn deadline(state: &State, terms: &Terms, now: Timestamp) -> Result<Timestamp, Rejection> {
    let policy = state.policy();
    let Some(asked) = terms.expires_at else {
        return Ok(now.saturating_add(policy.intent_lifetime));
    };
    // Zero is how the signed bytes say "none": a deadline in the first microsecond of 1970 could not be told from it.
    if asked < now || asked == Timestamp::default() {
        let code = RejectionCode::ExpiryInThePast;
        return Err(Rejection::new(code, "expires_at", ("no earlier than", now.0), asked.0));
    }
    let latest = now.saturating_add(policy.max_intent_lifetime);
    if asked > latest {
        let code = RejectionCode::ExpiryTooFar;
        return Err(Rejection::new(code, "expires_at", ("no later than", latest.0), asked.0));
    }
    Ok(asked)
}

pub(super) fn mark_scanned(state: &State, scan: &MarkScanned, now: Timestamp) -> Result<Decision, Rejection> {
    let intent = known(state, scan.intent)?;
    // Somebody may pay with the bare id before the scan comes in; then it says nothing new.
    let done = || {
        let paid = intent.submission().map(|submission| submission.position);
        paid.or(intent.logged_in().map(|login| login.position))
    };
    if let Some(position) = intent.scanned.or_else(done) {
        return Ok(Decision::repeated(Some(scan.intent), position));
    }
    as_seen(intent, scan.expected)?;
    open(intent, now)?;
    let authorization = scan.authorization.clone();
    Ok(Decision::new(Some(scan.intent), vec![Event::CodeScanned { authorization }]))
}

pub(super) fn cancel(state: &State, cancel: &Cancel, now: Timestamp) -> Result<Decision, Rejection> {
    let intent = known(state, cancel.intent)?;
    if let Phase::Canceled(_) = intent.phase {
        return Ok(Decision::repeated(Some(cancel.intent), intent.ended.unwrap_or(intent.last_position)));
    }
    as_seen(intent, cancel.expected)?;
    open(intent, now)?;
    let Cancel { intent, by, authorization, expected: _ } = cancel.clone();
    Ok(Decision::new(Some(intent), vec![Event::IntentCanceled { by, authorization }]))
}
