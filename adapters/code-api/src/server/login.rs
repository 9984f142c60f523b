//! Logging in: a site asks who somebody is, a payer's app answers, the site reads the answer (protocol e.4, e.7, b.3).

use quittance_core::command::{Request, Unproven};
use quittance_core::event::SignedForm;
use quittance_core::ids::{AccountId, IntentId, Signature};
use quittance_core::login::LoginTerms;
use quittance_core::rejection::RejectionCode;
use quittance_core::site::Domain;
use quittance_core::state::{Key, State};
use quittance_runtime::Error;

use super::site::{self, Raw};
use super::{Api, refusal};
use crate::base_domain::BaseDomain;
use crate::envelope::decode_body;
use crate::key::{PublicKey, SignatureBytes};
use crate::proto::code::common::v1 as common;
use crate::proto::code::messaging::v1 as messaging;
use crate::proto::code::user::v1 as user;
use crate::proto::code::user::v1::get_login_for_third_party_app_response::Result as Read;
use crate::proto::code::user::v1::login_to_third_party_app_response::Result as LoggedIn;
use crate::schema::{INTENT_KEY_AND_SIGNATURE, REQUEST_TO_LOGIN};
use crate::status::{Code, Status};
use crate::validate::Validate;
use crate::wire;

/// What a `RequestToLogin` asks of the engine (protocol e.4). `raw` is the message as it arrived.
///
/// # Errors
/// In the words and the order of protocol e.4. Whether it repeats another request is compared here as well, so that a domain is
/// only asked about a request that can be accepted.
pub(super) async fn terms(
    api: &Api,
    intent: IntentId,
    request: &messaging::RequestToLogin,
    raw: &[u8],
) -> Result<LoginTerms, Status> {
    let raw = Raw { bytes: raw, schema: &REQUEST_TO_LOGIN, signature_field: 5 };
    let missing = || Status::invalid_argument("the request is incomplete");
    let verifier = request.verifier.as_ref().ok_or_else(missing)?;
    let verifier = site::signer(verifier, request.signature.as_ref(), raw)?;
    let look = move |state: &State| {
        let original = state.intent(&intent)?;
        Some((original.is_submitted(), original.terms().is_some(), original.login_domain().cloned()))
    };
    let original = api.engine.query_about(Key::Intent(intent), look).await;
    let original = original.map_err(|error| refusal::failed(error, intent))?;
    if matches!(original, Some((true, ..))) {
        return Err(refusal::submitted());
    }
    let base = site::base(request.domain.as_ref().ok_or_else(missing)?)?;
    site::same_rendezvous(request.rendezvous_key.as_ref(), intent)?;
    if let Some((_, asks_for_payment, domain)) = original {
        if asks_for_payment {
            return Err(Status::invalid_argument("original request requires payment"));
        }
        if domain.as_ref() != Some(&base.domain) {
            return Err(refusal::mismatch("domain"));
        }
    }
    site::prove(api, &base, verifier).await?;
    Ok(LoginTerms { domain: base.domain, verifier: AccountId(verifier.0) })
}

/// `Identity.LoginToThirdPartyApp` (protocol e.7).
pub(super) async fn login(api: &Api, body: &[u8]) -> Result<user::LoginToThirdPartyAppResponse, Status> {
    let request: user::LoginToThirdPartyAppRequest = decode_body(body)?;
    request.validate().map_err(Status::invalid_argument)?;
    let (intent, user, signature) =
        parts(body, request.intent_id.as_ref(), request.user_id.as_ref(), request.signature.as_ref())?;
    let candidates = wire::signed_candidates(body, &INTENT_KEY_AND_SIGNATURE, Some(3));
    let candidates =
        candidates.map_err(|error| Status::invalid_argument(format!("undecodable request: {error}")))?;
    let signed = Unproven { form: SignedForm::CodeLogin, candidates, signature: Signature(signature) };
    let user = AccountId(user.0);
    let result = match api.engine.execute(Request::Login { intent, user, signed }).await {
        Ok(_) => LoggedIn::Ok,
        Err(Error::Rejected(rejection)) => match rejection.code {
            RejectionCode::IntentNotFound => LoggedIn::RequestNotFound,
            RejectionCode::LoginNotRequested => LoggedIn::LoginNotSupported,
            RejectionCode::LoginByPayment => LoggedIn::PaymentRequired,
            RejectionCode::RelationshipNotFound => LoggedIn::InvalidAccount,
            RejectionCode::LoginMismatch => LoggedIn::DifferentLoginExists,
            _ => return Err(refusal::failed(Error::Rejected(rejection), intent)),
        },
        Err(error) => return Err(refusal::failed(error, intent)),
    };
    Ok(user::LoginToThirdPartyAppResponse { result: result.into() })
}

/// `Identity.GetLoginForThirdPartyApp` (protocol e.7). Unlike the reference it checks the signature: who is logged in is told to
/// the site, not to everybody who has seen its key and the code (protocol h.1).
pub(super) async fn get_login(
    api: &Api,
    body: &[u8],
) -> Result<user::GetLoginForThirdPartyAppResponse, Status> {
    let request: user::GetLoginForThirdPartyAppRequest = decode_body(body)?;
    request.validate().map_err(Status::invalid_argument)?;
    let (intent, verifier, signature) =
        parts(body, request.intent_id.as_ref(), request.verifier.as_ref(), request.signature.as_ref())?;
    let raw = Raw { bytes: body, schema: &INTENT_KEY_AND_SIGNATURE, signature_field: 3 };
    if !raw.is_signed_by(verifier, &signature)? {
        return Err(Status::unauthenticated());
    }
    let look = move |state: &State| {
        let intent = state.intent(&intent)?;
        Some((intent.login_domain().cloned(), state.user(intent)))
    };
    let found = api.engine.query_about(Key::Intent(intent), look).await;
    let (result, user) = match found.map_err(|error| refusal::failed(error, intent))? {
        None => (Read::RequestNotFound, None),
        Some((None, _)) => (Read::LoginNotSupported, None),
        Some((Some(domain), user)) => {
            is_of_the_site(api, domain, verifier).await?;
            user.map_or((Read::NoUserLoggedIn, None), |user| (Read::Ok, Some(user)))
        }
    };
    let user_id = user.map(|user| PublicKey(user.0).into());
    Ok(user::GetLoginForThirdPartyAppResponse { result: result.into(), user_id })
}

/// Whether a key speaks for a site now, which may be another than the one that asked.
async fn is_of_the_site(api: &Api, domain: Domain, verifier: PublicKey) -> Result<(), Status> {
    let base = BaseDomain { domain, is_subdomain: false };
    site::prove(api, &base, verifier).await.map_err(|status| match status.code {
        // A stranger and a domain that does not answer look the same (protocol e.7).
        Code::PermissionDenied => Status::new(Code::Unauthenticated, status.text),
        _ => status,
    })
}

/// The three parts of a request that carries its signature as field 3, each there once.
fn parts(
    body: &[u8],
    intent: Option<&common::IntentId>,
    key: Option<&common::SolanaAccountId>,
    signature: Option<&common::Signature>,
) -> Result<(IntentId, PublicKey, SignatureBytes), Status> {
    // A decoder merges a part that is there twice into one that nobody signed.
    for field in 1..=3 {
        wire::sub_message(body, field)
            .map_err(|error| Status::invalid_argument(format!("undecodable request: {error}")))?;
    }
    let missing = || Status::invalid_argument("the request is incomplete");
    let intent = intent.and_then(|id| id.value.as_slice().try_into().ok()).ok_or_else(missing)?;
    let key = key.and_then(|key| PublicKey::from_slice(&key.value)).ok_or_else(missing)?;
    let signature = signature.and_then(|bytes| bytes.value.as_slice().try_into().ok()).ok_or_else(missing)?;
    Ok((IntentId(intent), key, signature))
}
