//! `quittance login`: a payer's app tells a site who its owner is, by an account that is for this site alone.

use data_encoding::BASE64;
use ed25519_dalek::SigningKey;
use prost::Message as _;
use quittance_code_api::base_domain::base_domain;
use quittance_code_api::call::{SignedMessage, get_token_account_infos, login_to_third_party_app};
use quittance_code_api::envelope::Method;
use quittance_code_api::key::{KeyPair, PublicKey};
use quittance_code_api::payer::establish_relationship;
use quittance_code_api::proto::code::account::v1 as account;
use quittance_code_api::proto::code::common::v1::relationship;
use quittance_code_api::proto::code::messaging::v1 as messaging;
use quittance_code_api::proto::code::messaging::v1::message::Kind as Asked;
use quittance_code_api::proto::code::transaction::v2::submit_intent_response::Response;
use quittance_code_api::proto::code::user::v1 as user;
use quittance_code_api::proto::code::user::v1::login_to_third_party_app_response::Result as Answer;
use quittance_code_api::scan_code::ScanCode;
use quittance_code_api::schema::{REQUEST_TO_LOGIN, REQUEST_TO_RECEIVE_BILL};
use quittance_code_api::wire;
use quittance_core::ids::{IntentId, NodeId, Signature};
use quittance_core::site::Domain;
use quittance_core::verify::is_signed_by;
use quittance_http_api::document;
use zeroize::Zeroizing;

use crate::args::LoginArgs;
use crate::client::{Client, block_on};
use crate::error::{CliError, Kind};
use crate::grpc::Grpc;
use crate::keys;
use crate::output::Output;
use crate::pay::{self, Bounds, Seen, check_node, now};
use crate::pay_grpc::{reason, response};

/// Who asks, as the merchant's own signatures say.
struct Site {
    domain: Domain,
    /// The key that speaks for it; that the domain publishes it, the sequencer has seen.
    verifier: PublicKey,
    /// A payment is asked for as well.
    with_payment: bool,
}

pub(crate) fn run(args: &LoginArgs, output: &Output) -> Result<(), CliError> {
    let seen = pay::parse(&args.intent, args.client_secret.as_deref())?;
    let key = keys::read(&args.key)?;
    let client = Client::new(&args.server)?;
    let node = args.node.as_deref().map(str::parse).transpose().map_err(CliError::misuse)?;
    let wanted = args.domain.as_deref().map(str::parse::<Domain>).transpose();
    let wanted = wanted.map_err(|error| CliError::misuse(format!("--domain: {error}")))?;
    let bounds = Bounds { max_quarks: None, node };
    let (site, user) = block_on(log_in(&client, &seen, &key, &bounds, wanted.as_ref(), output))?;
    let id = seen.id();
    let json = serde_json::json!({
        "id": id.to_string(),
        "domain": site.domain.to_string(),
        "verifier": site.verifier.to_string(),
        "user": user.to_string(),
        "logged_in": !site.with_payment,
    });
    output.result(&json, || match site.with_payment {
        false => format!("{id}  logged in at {} as {user}", site.domain),
        true => format!("{id}  {} knows whoever pays it from this account as {user}", site.domain),
    });
    if site.with_payment {
        let message = format!("{} asks for a payment; paying it logs in", site.domain);
        return Err(CliError::new(Kind::Refused, message).hint("quittance pay, with the same code and key"));
    }
    Ok(())
}

async fn log_in(
    client: &Client,
    seen: &Seen,
    key: &SigningKey,
    bounds: &Bounds,
    wanted: Option<&Domain>,
    output: &Output,
) -> Result<(Site, PublicKey), CliError> {
    let (id, grpc, owner) = (seen.id(), Grpc::new(client.server())?, KeyPair::from_seed(&key.to_bytes()));
    let node = check_node(client, bounds).await?;
    let site = asked(&id, &client.intent(&id).await?)?;
    if let Some(wanted) = wanted.filter(|wanted| **wanted != site.domain) {
        let message = format!("{} asks, not {wanted}. Nothing was signed", site.domain);
        return Err(CliError::new(Kind::Refused, message));
    }
    output.note(&format!("asks      {} by {}", site.domain, site.verifier));
    if let Some(rendezvous) = rendezvous(seen)?.filter(|_| !site.with_payment) {
        let scanned = SignedMessage::code_scanned(&rendezvous, now()).to_request();
        match grpc.call::<messaging::SendMessageResponse>(Method::SendMessage, &scanned).await {
            Ok(_) => output.note("scanned   the code belongs to the intent"),
            Err(refused) => output.note(&format!("not marked as scanned ({refused})")),
        }
    }
    let authority = authority(key, &site.domain);
    relate(&grpc, node, &owner, &authority, &site.domain, output).await?;
    if !site.with_payment {
        let request = login_to_third_party_app(PublicKey(id.0), &authority);
        let answer: user::LoginToThirdPartyAppResponse =
            grpc.call(Method::LoginToThirdPartyApp, &request).await?;
        let refused = match answer.result() {
            Answer::Ok => return Ok((site, authority.public_key())),
            Answer::RequestNotFound => "it knows no such intent",
            Answer::PaymentRequired => "it wants a payment",
            Answer::LoginNotSupported => "the intent asks nobody to log in",
            Answer::DifferentLoginExists => "somebody else has logged in with this code",
            Answer::InvalidAccount => "it does not know the account",
        };
        let message = format!("{} refuses the login: {refused}", grpc.server());
        return Err(CliError::new(Kind::Refused, message));
    }
    Ok((site, authority.public_key()))
}

/// The key that one site knows an owner by: worked out from the owner's, so that there is nothing more to keep, and from which
/// nobody can tell that two sites have the same user.
fn authority(owner: &SigningKey, domain: &Domain) -> KeyPair {
    let mut material = Zeroizing::new(owner.to_bytes().to_vec());
    material.extend_from_slice(domain.as_str().as_bytes());
    let seed = Zeroizing::new(blake3::derive_key("quittance 2026-11 relationship key v1", &material));
    KeyPair::from_seed(&seed)
}

/// Makes sure that the node knows the owner at this site by this key.
async fn relate(
    grpc: &Grpc,
    node: NodeId,
    owner: &KeyPair,
    authority: &KeyPair,
    domain: &Domain,
    output: &Output,
) -> Result<(), CliError> {
    let infos: account::GetTokenAccountInfosResponse =
        grpc.call(Method::GetTokenAccountInfos, &get_token_account_infos(owner)).await?;
    let here = infos.token_account_infos.values().find(|info| {
        let site = info.relationship.as_ref().and_then(|relationship| relationship.r#type.as_ref());
        matches!(site, Some(relationship::Type::Domain(site)) if site.value == domain.as_str())
    });
    let known = here.and_then(|info| info.authority.as_ref());
    match known.map(|known| known.value == authority.public_key().0) {
        Some(true) => return Ok(()),
        Some(false) => {
            let message = format!("{domain} knows the owner of this key by an account of another app");
            return Err(CliError::new(Kind::Refused, message).hint("log in with that app"));
        }
        None => {}
    }
    // A new account has an id of its own, which nobody asks about again.
    let id = PublicKey(keys::generate()?.verifying_key().to_bytes());
    let draft = establish_relationship(id, PublicKey(node.0), owner, authority, domain.as_str());
    let draft = draft.map_err(CliError::failed)?;
    let mut call = grpc.open(Method::SubmitIntent);
    call.send(&draft.first_message()).await?;
    match response(call.next().await?)? {
        Response::Success(_) => {
            output.note(&format!("opened    an account for {domain}: {}", authority.public_key()));
            Ok(())
        }
        Response::Error(error) => {
            let message = format!("{} opens no account for {domain}: {}", grpc.server(), reason(&error));
            let refused = CliError::new(Kind::Refused, message);
            // What such an account costs is that its owner has one here.
            if !reason(&error).contains("no account") {
                return Err(refused);
            }
            Err(refused.hint("with a --dev node: quittance account deposit ACCOUNT 100000"))
        }
        Response::ServerParameters(_) => {
            Err(CliError::failed("the node asks for signatures that an account does not need"))
        }
    }
}

/// Who asks, after checking that the rendezvous key and the site's own key have signed it.
fn asked(id: &IntentId, intent: &document::Intent) -> Result<Site, CliError> {
    let forged = |why: &str| {
        let message = format!("the request cannot be trusted: {why}. Nothing was signed");
        CliError::new(Kind::Refused, message)
            .hint("ask the site; the sequencer, or somebody between, altered it")
    };
    let authorization = &intent.authorization;
    if authorization.form != "code_message" {
        let message =
            format!("the request is signed in a form that asks nobody to log in: {}", authorization.form);
        return Err(CliError::new(Kind::Refused, message));
    }
    let signed = BASE64
        .decode(authorization.signed.as_bytes())
        .map_err(|_| forged("its signed bytes are not base64"))?;
    let signature: Signature =
        authorization.signature.parse().map_err(|error| forged(&format!("its signature: {error}")))?;
    if !is_signed_by(&id.0, &signed, &signature) {
        return Err(forged("the rendezvous key did not sign it"));
    }
    let message = messaging::Message::decode(signed.as_slice())
        .map_err(|_| forged("it is not a message of the protocol"))?;
    let none = || CliError::new(Kind::Refused, "the intent asks nobody to log in");
    // The field of the request, its layout, and the field of the site's signature in it.
    let (with_payment, field, schema, own) = match &message.kind {
        Some(Asked::RequestToLogin(_)) => (false, 10, &REQUEST_TO_LOGIN, 5),
        Some(Asked::RequestToReceiveBill(_)) => (true, 5, &REQUEST_TO_RECEIVE_BILL, 6),
        _ => return Err(none()),
    };
    let (domain, verifier, signature, rendezvous) = match message.kind {
        Some(Asked::RequestToLogin(login)) => {
            (login.domain, login.verifier, login.signature, login.rendezvous_key)
        }
        Some(Asked::RequestToReceiveBill(bill)) => {
            (bill.domain, bill.verifier, bill.signature, bill.rendezvous_key)
        }
        _ => return Err(none()),
    };
    let (Some(domain), Some(verifier)) = (domain, verifier) else { return Err(none()) };
    let verifier = PublicKey::from_slice(&verifier.value).ok_or_else(|| forged("its verifier is no key"))?;
    let signature = signature.and_then(|signature| signature.value.as_slice().try_into().ok());
    let raw = wire::sub_message(&signed, field)
        .and_then(|raw| wire::signed_candidates(raw, schema, Some(own)))
        .map_err(|error| forged(&error.to_string()))?;
    if !signature.is_some_and(|signature| raw.iter().any(|bytes| verifier.verifies(bytes, &signature))) {
        return Err(forged("the site's key did not sign it"));
    }
    if rendezvous.is_none_or(|key| key.value != id.0) {
        return Err(forged("the site's key signed it for another code"));
    }
    let base = base_domain(&domain.value).map_err(|error| forged(&format!("its domain: {error}")))?;
    Ok(Site { domain: base.domain, verifier, with_payment })
}

/// The key pair that whoever has seen the code of a login shares, after checking that the code is the intent's.
fn rendezvous(seen: &Seen) -> Result<Option<KeyPair>, CliError> {
    let payload = match seen {
        Seen::Id(_) => return Ok(None),
        Seen::Code(payload) => *payload,
        Seen::Secret(_, nonce) => {
            ScanCode::LoginRequest { nonce: *nonce }.encode().map_err(CliError::misuse)?
        }
    };
    let pair = KeyPair::rendezvous(&payload);
    // With a payment the code is another one; paying checks it.
    Ok((pair.public_key().0 == seen.id().0).then_some(pair))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_sites_know_one_payer_by_two_keys_and_one_site_by_the_same_for_ever() {
        let owner = SigningKey::from_bytes(&[7; 32]);
        let key = |domain: &str| authority(&owner, &domain.parse().unwrap()).public_key().to_string();
        assert_ne!(key("example.com"), key("example.org"));
        // Frozen: whoever logs in with the next version has to be the same person.
        assert_eq!(key("example.com"), "EAXUhg8rGt6gVPgaTU21xmEFMgEDVKtqwWaMhtErr6cW");
    }
}
