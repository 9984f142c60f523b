//! Whether signed actions say what a record of the log states. The engine keeps both, and leaves reading the one to whoever
//! knows the protocol.

use prost::Message as _;
use quittance_core::ids::{AccountId, IntentId};
use quittance_core::payment::{Payment, Purpose};

use super::payment::{MoveKind, PublicPayment, is_near, rate_to_double};
use super::{account, name};
use crate::key::PublicKey;
use crate::proto::code::common::v1::{AccountType, relationship};
use crate::proto::code::transaction::v2::OpenAccountAction;
use crate::proto::code::transaction::v2::action::Type as Act;
use crate::proto::code::transaction::v2::metadata::Type;
use crate::proto::code::transaction::v2::submit_intent_request::SubmitActions;
use crate::proto::code::user::v1::LoginToThirdPartyAppRequest;
use crate::solana::instruction::Locked;

/// Compares a payment with the `SubmitActions` that its payer signed, given without the signature.
///
/// # Errors
///
/// The part that differs.
pub fn payment(signed: &[u8], payment: &Payment) -> Result<(), String> {
    let actions = SubmitActions::decode(signed).map_err(|error| error.to_string())?;
    let owner = owner(&actions, payment.payer)?;
    if actions.id.as_ref().map(|id| id.value.as_slice()) != Some(&payment.intent.0) {
        return differs("id");
    }
    let meaning = actions.metadata.as_ref().and_then(|metadata| metadata.r#type.as_ref());
    let Some(Type::SendPublicPayment(metadata)) = meaning else {
        return Err(format!("metadata is {}, and no payment", name(meaning)));
    };
    let read = PublicPayment::read(owner, metadata, &actions.actions);
    let read = read.map_err(|_| "the actions are not those of a public payment")?;
    let primary = Locked::of(owner, PublicKey(payment.node.0)).vault();
    let last = payment.transfers.last().map(|transfer| transfer.destination.0);
    let parts = [
        ("source", read.source == primary),
        ("destination", Some(read.destination.0) == last),
        ("currency", read.currency == payment.currency.as_str()),
        ("exchange_rate", read.exchange_rate.to_bits() == rate_to_double(payment.rate).to_bits()),
        ("native_amount", is_near(read.native_amount, payment.amount)),
        ("quarks", payment.total().map(quittance_core::money::Quarks::get) == Some(read.quarks)),
        ("actions", read.moves.len() == payment.transfers.len()),
    ];
    if let Some((part, _)) = parts.into_iter().find(|(_, same)| !same) {
        return differs(part);
    }
    for (index, (action, transfer)) in read.moves.iter().zip(&payment.transfers).enumerate() {
        let (purpose, to) = match action.kind {
            // The node says where its own fee goes.
            MoveKind::ServiceFee => (Purpose::ServiceFee, Some(PublicKey(transfer.destination.0))),
            MoveKind::Fee => (Purpose::Fee, action.destination),
            MoveKind::Transfer => (Purpose::Destination, action.destination),
        };
        let same = purpose == transfer.purpose
            && to == Some(PublicKey(transfer.destination.0))
            && action.quarks == transfer.quarks.get()
            && (action.authority, action.source) == (owner, primary);
        if !same {
            return differs(&format!("actions[{index}]"));
        }
    }
    Ok(())
}

/// Compares a relationship with the `SubmitActions` that its owner signed, given without the signature.
///
/// # Errors
///
/// The part that differs.
pub fn relationship(
    signed: &[u8],
    whose: AccountId,
    domain: &str,
    authority: AccountId,
) -> Result<(), String> {
    let actions = SubmitActions::decode(signed).map_err(|error| error.to_string())?;
    owner(&actions, whose)?;
    let meaning = actions.metadata.as_ref().and_then(|metadata| metadata.r#type.as_ref());
    let Some(Type::EstablishRelationship(metadata)) = meaning else {
        return Err(format!("metadata is {}, and no relationship", name(meaning)));
    };
    let named = match metadata.relationship.as_ref().and_then(|named| named.r#type.as_ref()) {
        Some(relationship::Type::Domain(named)) => named.value.as_str(),
        None => "",
    };
    if named != domain {
        return differs("domain");
    }
    let opened = match actions.actions.as_slice() {
        [action] => action.r#type.as_ref(),
        _ => None,
    };
    match opened {
        Some(Act::OpenAccount(open))
            if account("authority", open.authority.as_ref()) == Ok(PublicKey(authority.0)) =>
        {
            Ok(())
        }
        _ => differs("actions"),
    }
}

/// Compares an account's consent with the `OpenAccountAction` that its key signed, given without that signature.
///
/// # Errors
///
/// The part that differs.
pub fn consent(signed: &[u8], owner: AccountId, authority: AccountId) -> Result<(), String> {
    let open = OpenAccountAction::decode(signed).map_err(|error| error.to_string())?;
    let parts = [
        ("account_type", open.account_type() == AccountType::Relationship),
        ("owner", account("owner", open.owner.as_ref()) == Ok(PublicKey(owner.0))),
        ("authority", account("authority", open.authority.as_ref()) == Ok(PublicKey(authority.0))),
    ];
    parts.into_iter().find(|(_, same)| !same).map_or(Ok(()), |(part, _)| differs(part))
}

/// Compares a login with the `LoginToThirdPartyAppRequest` that its user signed, given without the signature.
///
/// # Errors
///
/// The part that differs.
pub fn login(signed: &[u8], intent: IntentId, user: AccountId) -> Result<(), String> {
    let request = LoginToThirdPartyAppRequest::decode(signed).map_err(|error| error.to_string())?;
    if request.intent_id.is_none_or(|id| id.value != intent.0) {
        return differs("intent_id");
    }
    match account("user_id", request.user_id.as_ref()) {
        Ok(named) if named.0 == user.0 => Ok(()),
        _ => differs("user_id"),
    }
}

fn owner(actions: &SubmitActions, whose: AccountId) -> Result<PublicKey, String> {
    match account("owner", actions.owner.as_ref()) {
        Ok(owner) if owner.0 == whose.0 => Ok(owner),
        _ => Err("owner differs from what was signed".into()),
    }
}

fn differs<T>(part: &str) -> Result<T, String> {
    Err(format!("{part} differs from what was signed"))
}
