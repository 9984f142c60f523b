//! What an owner holds, in the protocol's words (protocol d.6).

use quittance_core::ids::AccountId;
use quittance_core::site::Domain;
use quittance_core::state::State;

use super::site::Raw;
use super::{Api, refusal};
use crate::envelope::decode_body;
use crate::key::{PublicKey, SignatureBytes};
use crate::proto::code::account::v1 as account;
use crate::proto::code::account::v1::get_token_account_infos_response::Result as Found;
use crate::proto::code::account::v1::token_account_info::{BalanceSource, BlockchainState, ManagementState};
use crate::proto::code::common::v1 as common;
use crate::proto::code::common::v1::relationship::Type;
use crate::schema::KEY_AND_SIGNATURE;
use crate::solana::address::KIN_MINT;
use crate::status::Status;
use crate::validate::Validate;
use crate::wire;

/// The most accounts in one answer: with the longest domains it stays well below what a client takes.
const MAX_ACCOUNTS: usize = 256;

/// `Account.GetTokenAccountInfos`.
///
/// An owner's PRIMARY account is the vault that a time lock derives from the owner's key, with the node's key as the time
/// authority; each RELATIONSHIP account is that of the key a site knows the owner by. What they hold is what this node's ledger
/// says is free to be spent; no chain knows them.
pub(super) async fn token_account_infos(
    api: &Api,
    body: &[u8],
) -> Result<account::GetTokenAccountInfosResponse, Status> {
    let request: account::GetTokenAccountInfosRequest = decode_body(body)?;
    request.validate().map_err(Status::invalid_argument)?;
    for field in 1..=2 {
        wire::sub_message(body, field)
            .map_err(|error| Status::invalid_argument(format!("undecodable request: {error}")))?;
    }
    let missing = || Status::invalid_argument("the request is incomplete");
    let owner = request.owner.and_then(|owner| PublicKey::from_slice(&owner.value)).ok_or_else(missing)?;
    let signature = request.signature.and_then(|signature| signature.value.as_slice().try_into().ok());
    let signature: SignatureBytes = signature.ok_or_else(missing)?;
    let raw = Raw { bytes: body, schema: &KEY_AND_SIGNATURE, signature_field: 2 };
    if !raw.is_signed_by(owner, &signature)? {
        return Err(Status::unauthenticated());
    }
    let look = move |state: &State| accounts(state, owner);
    let accounts = api.engine.query(look).await.map_err(refusal::unanswered)?;
    let vaults = api.vaults.of(accounts.iter().map(|account| account.authority).collect()).await?;
    let infos: Vec<_> =
        accounts.into_iter().zip(vaults).map(|(account, vault)| account.info(owner, vault)).collect();
    let result = if infos.is_empty() { Found::NotFound } else { Found::Ok };
    Ok(account::GetTokenAccountInfosResponse {
        result: result.into(),
        token_account_infos: infos.into_iter().collect(),
    })
}

/// One account of the ledger.
struct Held {
    authority: PublicKey,
    quarks: u64,
    /// The site that knows the owner by it; none for the owner's own.
    site: Option<Domain>,
}

fn accounts(state: &State, owner: PublicKey) -> Vec<Held> {
    let id = AccountId(owner.0);
    let held = |id: AccountId, site: Option<Domain>| Held {
        authority: PublicKey(id.0),
        quarks: state.ledger().account(&id).available().get(),
        site,
    };
    let relationships = state.relationships().of_owner(&id).map(|(site, id)| held(id, Some(site.clone())));
    let relationships: Vec<_> = relationships.take(MAX_ACCOUNTS - 1).collect();
    // Whoever is known to a site has an account here, even before it holds anything.
    let primary = state.ledger().contains(&id) || !relationships.is_empty();
    primary.then(|| held(id, None)).into_iter().chain(relationships).collect()
}

impl Held {
    fn info(self, owner: PublicKey, vault: PublicKey) -> (String, account::TokenAccountInfo) {
        let account_type = match self.site {
            None => common::AccountType::Primary,
            Some(_) => common::AccountType::Relationship,
        };
        let relationship = self.site.map(|site| {
            let domain = common::Domain { value: site.to_string() };
            common::Relationship { r#type: Some(Type::Domain(domain)) }
        });
        let info = account::TokenAccountInfo {
            address: Some(vault.into()),
            owner: Some(owner.into()),
            authority: Some(self.authority.into()),
            account_type: account_type.into(),
            balance_source: BalanceSource::Cache.into(),
            balance: self.quarks,
            // Derived and locked, and never seen on a chain.
            management_state: ManagementState::Locked.into(),
            blockchain_state: BlockchainState::DoesNotExist.into(),
            mint: Some(KIN_MINT.into()),
            relationship,
            ..account::TokenAccountInfo::default()
        };
        (vault.to_string(), info)
    }
}
