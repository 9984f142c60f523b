//! Logging in, and the accounts that sites know their users by.

use alloc::boxed::Box;
use alloc::vec;

use super::intent::create_again;
use super::{Decision, known};
use crate::command::{EstablishRelationship, Login, RequestLogin};
use crate::event::Event;
use crate::ids::Timestamp;
use crate::login::MAX_RELATIONSHIPS;
use crate::quote::open;
use crate::rejection::{Rejection, RejectionCode};
use crate::state::{Asked, State};

pub(super) fn request(state: &State, request: &RequestLogin, now: Timestamp) -> Result<Decision, Rejection> {
    if let Some(original) = state.intent(&request.intent) {
        return create_again(original, request.intent, &Asked::Login(Box::new(request.login.clone())), now);
    }
    // After this point it succeeds.
    let expires_at = now.saturating_add(state.policy().intent_lifetime);
    let RequestLogin { intent, login, authorization } = request.clone();
    Ok(Decision::new(
        Some(intent),
        vec![Event::LoginRequested { login: login.into(), authorization, expires_at }],
    ))
}

pub(super) fn login(state: &State, login: &Login, now: Timestamp) -> Result<Decision, Rejection> {
    let Login { intent: id, user, authorization } = login;
    let intent = known(state, *id)?;
    let Some(domain) = intent.login_domain() else {
        let expected = "an intent of a site that was verified";
        return Err(Rejection::new(RejectionCode::LoginNotRequested, "intent", expected, id));
    };
    if intent.terms().is_some() {
        let expected = "an intent that asks for no payment";
        return Err(Rejection::new(RejectionCode::LoginByPayment, "intent", expected, id));
    }
    let relationship = state.relationships().get(user);
    if relationship.is_none_or(|relationship| relationship.domain != *domain) {
        let expected = alloc::format!("an account that {domain} knows its owner by");
        return Err(Rejection::new(RejectionCode::RelationshipNotFound, "user", expected, user));
    }
    if let Some(first) = intent.logged_in() {
        if first.user != *user {
            let (code, expected) = (RejectionCode::LoginMismatch, alloc::format!("{}", first.user));
            return Err(Rejection::new(code, "user", expected, user));
        }
        return Ok(Decision::repeated(Some(*id), first.position));
    }
    open(intent, now)?;
    // After this point it succeeds.
    let (user, authorization) = (*user, authorization.clone());
    Ok(Decision::new(Some(*id), vec![Event::LoggedIn { user, authorization: authorization.into() }]))
}

pub(super) fn establish(state: &State, wish: &EstablishRelationship) -> Result<Decision, Rejection> {
    let EstablishRelationship { owner, domain, authority, .. } = wish;
    let code = RejectionCode::RelationshipMismatch;
    if let Some(known) = state.relationships().get(authority) {
        if known.owner != *owner {
            let expected = "an account that is nobody else's";
            return Err(Rejection::new(code, "authority", expected, authority));
        }
        if known.domain != *domain {
            return Err(Rejection::new(code, "domain", alloc::format!("{}", known.domain), domain));
        }
        return Ok(Decision::repeated(None, known.established));
    }
    if let Some(known) = state.relationships().of(owner, domain) {
        return Err(Rejection::new(code, "authority", alloc::format!("{known}"), authority));
    }
    // An entry is kept for ever and costs nothing to ask for: only who has an account here gets one.
    if !state.ledger().contains(owner) {
        let expected = "an account that has held something on this node";
        return Err(Rejection::new(RejectionCode::RelationshipOwnerUnknown, "owner", expected, owner));
    }
    let most = MAX_RELATIONSHIPS;
    let count = state.relationships().of_owner(owner).count();
    if count >= most {
        let code = RejectionCode::RelationshipsTooMany;
        return Err(Rejection::new(code, "owner", ("fewer relationships than", most), count));
    }
    // After this point it succeeds.
    let EstablishRelationship { owner, domain, authority, authorization, consent } = wish.clone();
    let event = Event::RelationshipEstablished {
        owner,
        domain,
        authority,
        authorization: authorization.into(),
        consent: consent.into(),
    };
    Ok(Decision::new(None, vec![event]))
}
