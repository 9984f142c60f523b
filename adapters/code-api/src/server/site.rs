//! Who asks: a domain that a request names, and the key that speaks for it (protocol e.3 step 6, e.4, e.5).

use quittance_core::ids::{AccountId, IntentId};
use quittance_core::site::Site;

use super::{Api, refusal};
use crate::base_domain::{BaseDomain, base_domain};
use crate::key::{PublicKey, SignatureBytes};
use crate::proto::code::common::v1 as common;
use crate::proto::code::messaging::v1 as messaging;
use crate::schema::Schema;
use crate::status::Status;
use crate::wire;

/// What a request says of the site that asks, before any of it is believed.
pub(super) struct Claim<'a> {
    domain: Option<&'a common::Domain>,
    verifier: Option<&'a common::SolanaAccountId>,
    signature: Option<&'a common::Signature>,
    rendezvous: Option<&'a messaging::RendezvousKey>,
}

impl<'a> Claim<'a> {
    pub(super) fn of(bill: &'a messaging::RequestToReceiveBill) -> Self {
        Self {
            domain: bill.domain.as_ref(),
            verifier: bill.verifier.as_ref(),
            signature: bill.signature.as_ref(),
            rendezvous: bill.rendezvous_key.as_ref(),
        }
    }

    /// Whether a key is named that speaks for the site.
    pub(super) fn is_to_be_proved(&self) -> bool {
        self.verifier.is_some()
    }

    /// The site that is named, if one is.
    ///
    /// # Errors
    /// It is no domain.
    pub(super) fn base(&self) -> Result<Option<BaseDomain>, Status> {
        self.domain.map(base).transpose()
    }

    /// The site as the terms have it, once what is claimed is proved (protocol e.3 step 6).
    ///
    /// # Errors
    /// Parts are missing or out of place; the signature is not the verifier's; the verifier is not the domain's.
    pub(super) async fn site(
        &self,
        api: &Api,
        intent: IntentId,
        base: Option<BaseDomain>,
        raw: Raw<'_>,
    ) -> Result<Option<Site>, Status> {
        let given = [
            ("verifier", self.verifier.is_some()),
            ("signature", self.signature.is_some()),
            ("rendezvous key", self.rendezvous.is_some()),
        ];
        let Some(base) = base else {
            return match given.iter().find(|(_, given)| *given) {
                None => Ok(None),
                Some((what, _)) => {
                    Err(Status::invalid_argument(format!("{what} cannot be set when domain not provided")))
                }
            };
        };
        let Some(verifier) = self.verifier else {
            return match given.iter().find(|(_, given)| *given) {
                None => Ok(Some(Site { domain: base.domain, verifier: None })),
                Some((what, _)) => {
                    Err(Status::invalid_argument(format!("{what} can only be set when verifying domain")))
                }
            };
        };
        for (what, given) in given {
            if !given {
                return Err(Status::invalid_argument(format!("{what} must be set for domain verification")));
            }
        }
        same_rendezvous(self.rendezvous, intent)?;
        let verifier = signer(verifier, self.signature, raw)?;
        prove(api, &base, verifier).await?;
        Ok(Some(Site { domain: base.domain, verifier: Some(AccountId(verifier.0)) }))
    }
}

/// Checks that a domain publishes a key.
///
/// # Errors
/// It does not, or does not say; or this node asks nobody.
pub(super) async fn prove(api: &Api, base: &BaseDomain, verifier: PublicKey) -> Result<(), Status> {
    let domains = api.domains.as_ref().ok_or_else(|| refusal::unimplemented("domain verification"))?;
    domains.prove(base, verifier).await
}

/// A message as it arrived, with what is needed to tell which of its bytes are signed.
#[derive(Clone, Copy)]
pub(super) struct Raw<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) schema: &'static Schema,
    /// The field that the signature itself is in.
    pub(super) signature_field: u32,
}

impl Raw<'_> {
    /// Whether a key signed the message.
    ///
    /// # Errors
    /// The bytes are no message.
    pub(super) fn is_signed_by(&self, key: PublicKey, signature: &SignatureBytes) -> Result<bool, Status> {
        let candidates = wire::signed_candidates(self.bytes, self.schema, Some(self.signature_field));
        let candidates =
            candidates.map_err(|error| Status::invalid_argument(format!("undecodable request: {error}")))?;
        Ok(candidates.iter().any(|signed| key.verifies(signed, signature)))
    }
}

/// A domain, reduced to its site.
///
/// # Errors
/// It is none.
pub(super) fn base(domain: &common::Domain) -> Result<BaseDomain, Status> {
    base_domain(&domain.value)
        .map_err(|error| Status::invalid_argument(format!("domain is invalid: {error}")))
}

/// Checks that what a verifier signed is for this intent.
///
/// # Errors
/// It is for another.
pub(super) fn same_rendezvous(
    key: Option<&messaging::RendezvousKey>,
    intent: IntentId,
) -> Result<(), Status> {
    if key.is_some_and(|key| key.value == intent.0) {
        Ok(())
    } else {
        Err(Status::invalid_argument("rendezvous key mismatch"))
    }
}

/// The verifier, once its signature is checked.
///
/// # Errors
/// It did not sign.
pub(super) fn signer(
    verifier: &common::SolanaAccountId,
    signature: Option<&common::Signature>,
    raw: Raw<'_>,
) -> Result<PublicKey, Status> {
    let verifier = PublicKey::from_slice(&verifier.value).ok_or_else(|| must_be_set("verifier"))?;
    let signature = signature.and_then(|signature| signature.value.as_slice().try_into().ok());
    let signature: SignatureBytes = signature.ok_or_else(|| must_be_set("signature"))?;
    if raw.is_signed_by(verifier, &signature)? { Ok(verifier) } else { Err(Status::unauthenticated()) }
}

/// Never said: the schema was checked.
fn must_be_set(what: &str) -> Status {
    Status::invalid_argument(format!("{what} must be set"))
}
