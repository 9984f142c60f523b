//! A payer makes itself known to a merchant's domain, with a key that is for that domain alone.

use super::{Refused, account, malformed, signature};
use crate::key::{PublicKey, SignatureBytes};
use crate::proto::code::common::v1::{AccountType, relationship};
use crate::proto::code::transaction::v2 as transaction;
use crate::proto::code::transaction::v2::action::Type as Act;
use crate::schema::OPEN_ACCOUNT_ACTION;
use crate::status::Status;
use crate::wire;

/// Where `SubmitActions` keeps its actions, and an action what opens an account.
const ACTIONS: u32 = 4;
const OPEN_ACCOUNT: u32 = 2;
/// The field in which `OpenAccountAction` keeps the new authority's signature.
const AUTHORITY_SIGNATURE: u32 = 6;

/// What an owner and the authority of a new account signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relationship {
    /// Whose it is.
    pub owner: PublicKey,
    /// To whom; a host name in lower case.
    pub domain: String,
    /// The key for that domain.
    pub authority: PublicKey,
    /// The address that the client derived for the account.
    pub token: PublicKey,
    /// The bytes that the authority's signature covers.
    pub signed: Vec<u8>,
    /// The authority's signature.
    pub signature: SignatureBytes,
}

impl Relationship {
    /// Reads metadata and actions that keep the schema's rules, and checks the new authority's signature.
    pub(super) fn read(
        raw: &[u8],
        owner: PublicKey,
        metadata: &transaction::EstablishRelationshipMetadata,
        actions: &[transaction::Action],
    ) -> Result<Self, Refused> {
        let domain =
            match metadata.relationship.as_ref().and_then(|relationship| relationship.r#type.as_ref()) {
                Some(relationship::Type::Domain(domain)) => domain.value.clone(),
                None => return Err(Refused::invalid("relationship must have a domain")),
            };
        let [transaction::Action { r#type: Some(Act::OpenAccount(open)), .. }] = actions else {
            let text = format!("expected 1 open account action and no other, got {} actions", actions.len());
            return Err(Refused::invalid(text));
        };
        let authority = account("authority", open.authority.as_ref())?;
        // The bytes as they came: there is one action, and it was read before.
        let action = wire::sub_message(raw, ACTIONS).map_err(malformed)?;
        let action = wire::sub_message(action, OPEN_ACCOUNT).map_err(malformed)?;
        let signature = signature("authority_signature", open.authority_signature.as_ref())?;
        let candidates = wire::signed_candidates(action, &OPEN_ACCOUNT_ACTION, Some(AUTHORITY_SIGNATURE));
        let candidates = candidates.map_err(malformed)?;
        let signed = candidates.into_iter().find(|signed| authority.verifies(signed, &signature));
        let signed = signed.ok_or_else(Status::unauthenticated)?;
        let at = |what: String| Refused::invalid(format!("actions[0]: {what}"));
        if open.account_type != i32::from(AccountType::Relationship) {
            return Err(at("account type must be RELATIONSHIP".into()));
        }
        if account("owner", open.owner.as_ref())? != owner {
            return Err(at(format!("owner must be {owner}")));
        }
        if open.index != 0 {
            return Err(at("index must be 0".into()));
        }
        if authority == owner {
            return Err(at("authority cannot be the owner".into()));
        }
        let token = account("token", open.token.as_ref())?;
        Ok(Self { owner, domain, authority, token, signed, signature })
    }

    /// Whether the account's address is the one that follows from its authority and the node's key.
    ///
    /// # Errors
    ///
    /// INVALID_INTENT with the address that it has to be.
    pub fn check_token(&self, node: PublicKey) -> Result<(), Refused> {
        let vault = crate::solana::instruction::Locked::of(self.authority, node).vault();
        if self.token == vault {
            return Ok(());
        }
        Err(Refused::invalid(format!("actions[0]: token must be {vault}")))
    }
}
