//! Short links to pages that are paid for (protocol e.9).

use std::sync::Arc;
use std::time::Duration;

use quittance_core::ids::AccountId;
use quittance_core::state::State;
use quittance_outbound::{Error, Outbound};
use quittance_runtime::table::{Table, TableError};

use super::inbox::{blocking, store_failed};
use super::site::Raw;
use super::{Api, refusal};
use crate::envelope::{Method, decode_body};
use crate::key::{PublicKey, SignatureBytes};
use crate::limits::{self, MicroPaymentLimit};
use crate::number::{hundredths_from_double, hundredths_to_double};
use crate::proto::code::micropayment::v1 as micropayment;
use crate::proto::code::micropayment::v1::codify_response::Result as Codified;
use crate::proto::code::micropayment::v1::get_path_metadata_response::Result as Found;
use crate::schema::CODIFY_REQUEST;
use crate::solana::address::Timelock;
use crate::status::{Code, Status};
use crate::validate::Validate;
use crate::wire;

/// How the keys of links begin in [`Options::links`](super::Options::links): what a backup has to keep of that table.
pub const LINKS: &[u8] = b"code-api/links/";
/// Each link has an entry by its path and one by its owner.
pub const ENTRIES_A_LINK: u64 = 2;
/// Links by their paths.
const BY_PATH: &[u8] = b"code-api/links/path/";
/// Paths by owner and by what the link says.
const BY_OWNER: &[u8] = b"code-api/links/owner/";
/// Links that one owner may have. Each takes some room for ever.
const MAX_LINKS: usize = 1_000;
/// Pages of one owner that are looked at at a time, and how long another waits.
pub(super) const MAX_LOOKS: usize = 2;
const PATIENCE: Duration = Duration::from_secs(3);
/// How often another path is tried when one is taken (protocol e.9).
const TRIES: usize = 3;

/// Where a link leads, and what it costs.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Link {
    owner: PublicKey,
    currency: [u8; 3],
    hundredths: u64,
    url: String,
}

/// `MicroPayment.Codify`.
///
/// Saying the same again gives the same link, without a look at its page. The page is fetched last, so that nobody without an
/// account here can make the node fetch anything, and who has one only so much; otherwise the order is the protocol's.
pub(super) async fn codify(api: &Api, body: &[u8]) -> Result<micropayment::CodifyResponse, Status> {
    let door = api.options.outbound.as_ref().ok_or_else(|| refusal::not_available(Method::Codify))?;
    let request: micropayment::CodifyRequest = decode_body(body)?;
    request.validate().map_err(Status::invalid_argument)?;
    for field in [4, 5, 6] {
        wire::sub_message(body, field)
            .map_err(|error| Status::invalid_argument(format!("undecodable request: {error}")))?;
    }
    let missing = || Status::invalid_argument("the request is incomplete");
    let key =
        |id: Option<&crate::proto::code::common::v1::SolanaAccountId>| PublicKey::from_slice(&id?.value);
    let owner = key(request.owner_account.as_ref()).ok_or_else(missing)?;
    let primary = key(request.primary_account.as_ref()).ok_or_else(missing)?;
    let signature = request.signature.as_ref().and_then(|bytes| bytes.value.as_slice().try_into().ok());
    let signature: SignatureBytes = signature.ok_or_else(missing)?;
    let raw = Raw { bytes: body, schema: &CODIFY_REQUEST, signature_field: 6 };
    if !raw.is_signed_by(owner, &signature)? {
        return Err(Status::unauthenticated());
    }
    let refused = |result: Codified| Ok(answer(result, String::new()));
    let id = AccountId(owner.0);
    let look = move |state: &State| state.ledger().contains(&id);
    let has_account = api.engine.query(look).await.map_err(refusal::unanswered)?;
    let vault = Timelock::of(owner, PublicKey(api.engine.node().0)).vault.address;
    if !has_account || primary != vault {
        return refused(Codified::InvalidAccount);
    }
    let Some(limit) = limits::micro_payment(&request.currency) else {
        return refused(Codified::UnsupportedCurrency);
    };
    let Some(hundredths) = admitted(request.native_amount, limit)? else {
        return refused(Codified::NativeAmountExceedsLimit);
    };
    if request.currency == "kin" && !hundredths.is_multiple_of(100) {
        return Err(Status::invalid_argument("native amount can't include fractional kin"));
    }
    let currency = request.currency.as_bytes().try_into().map_err(|_| missing())?;
    let link = Link { owner, currency, hundredths, url: request.url };
    let (table, known) = (api.options.links.clone(), link.clone());
    let path = match blocking(move || find(&table, &known)).await? {
        Some(path) => path,
        None => {
            let turn = api.looks.enter(&owner.to_string(), PATIENCE).await;
            let _turn = turn.ok_or_else(|| {
                let text = format!("expected at most {MAX_LOOKS} pages of one owner at a time; try again");
                Status::new(Code::ResourceExhausted, text)
            })?;
            api.fetches.count(owner)?;
            if !is_there(door, &link.url).await? {
                return refused(Codified::InvalidUrl);
            }
            let table = api.options.links.clone();
            blocking(move || keep(&table, &link)).await?
        }
    };
    Ok(answer(Codified::Ok, format!("{}{path}", api.options.link_prefix)))
}

/// `MicroPayment.GetPathMetadata`.
///
/// The destination is the account that this node pays: its owner's key, not the vault that is derived from it, for which nobody
/// could sign here.
pub(super) async fn path_metadata(
    api: &Api,
    body: &[u8],
) -> Result<micropayment::GetPathMetadataResponse, Status> {
    let request: micropayment::GetPathMetadataRequest = decode_body(body)?;
    request.validate().map_err(Status::invalid_argument)?;
    let table = api.options.links.clone();
    let key = [BY_PATH, request.path.as_bytes()].concat();
    let value = blocking(move || table.get(&key).map_err(|error| failed(&error))).await?;
    let Some(value) = value else {
        let result = Found::NotFound.into();
        return Ok(micropayment::GetPathMetadataResponse { result, ..Default::default() });
    };
    let link = Link::from_bytes(&value).ok_or_else(|| {
        tracing::error!(path = request.path, "a link cannot be read");
        store_failed()
    })?;
    Ok(micropayment::GetPathMetadataResponse {
        result: Found::Ok.into(),
        destination: Some(link.owner.into()),
        currency: String::from_utf8_lossy(&link.currency).into_owned(),
        native_amount: hundredths_to_double(link.hundredths),
        redirct_url: link.url,
    })
}

fn answer(result: Codified, codified_url: String) -> micropayment::CodifyResponse {
    micropayment::CodifyResponse { result: result.into(), codified_url }
}

/// The hundredths of an amount within the limit; `None` outside of it, whatever its digits.
fn admitted(amount: f64, limit: MicroPaymentLimit) -> Result<Option<u64>, Status> {
    let bounds = hundredths_to_double(limit.min_hundredths)..=hundredths_to_double(limit.max_hundredths);
    if amount.is_finite() && !bounds.contains(&amount) {
        return Ok(None);
    }
    let hundredths = hundredths_from_double(amount);
    hundredths.map(Some).map_err(|error| Status::invalid_argument(format!("native amount: {error}")))
}

async fn is_there(door: &Outbound, url: &str) -> Result<bool, Status> {
    match door.status(url).await {
        Ok(status) => Ok(status == 200),
        Err(error @ Error::Busy { .. }) => Err(refusal::unavailable(&error.to_string())),
        Err(error) => {
            tracing::debug!(%error, "a page that is to be paid for is not there");
            Ok(false)
        }
    }
}

/// The path that a link has already.
///
/// # Errors
/// It has none, and its owner can have no more.
fn find(table: &Arc<dyn Table>, link: &Link) -> Result<Option<String>, Status> {
    let failed = |error: TableError| failed(&error);
    if let Some(path) = table.get(&link.key()).map_err(failed)? {
        return String::from_utf8(path).map(Some).map_err(|_| store_failed());
    }
    let owners = [BY_OWNER, &link.owner.0].concat();
    if table.scan(&owners, MAX_LINKS).map_err(failed)?.len() >= MAX_LINKS {
        let text = format!("expected at most {MAX_LINKS} links of one owner");
        return Err(Status::new(Code::ResourceExhausted, text));
    }
    Ok(None)
}

/// The path of a link: the one it has, or a new one.
fn keep(table: &Arc<dyn Table>, link: &Link) -> Result<String, Status> {
    if let Some(path) = find(table, link)? {
        return Ok(path);
    }
    let failed = |error: TableError| failed(&error);
    let (bytes, known) = (link.to_bytes(), link.key());
    for _ in 0..TRIES {
        let path = random_path()?;
        let key = [BY_PATH, path.as_bytes()].concat();
        if table.get(&key).map_err(failed)?.is_none() {
            // In this order: a path that nobody was told of is only a path less.
            table.put(&key, &bytes).map_err(failed)?;
            table.put(&known, path.as_bytes()).map_err(failed)?;
            table.sync().map_err(failed)?;
            return Ok(path);
        }
    }
    Err(refusal::unavailable("no path is free; try again"))
}

/// 4 random bytes in base64, letters and digits alone (protocol e.9).
fn random_path() -> Result<String, Status> {
    let mut bytes = [0; 4];
    getrandom::fill(&mut bytes).map_err(|error| {
        tracing::error!(%error, "the system gives no randomness for a link");
        store_failed()
    })?;
    let text = data_encoding::BASE64_NOPAD.encode(&bytes);
    // One path in 2^24 would be empty: six characters, each one of two of 64.
    let path: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
    if path.is_empty() { Ok("0".to_owned()) } else { Ok(path) }
}

fn failed(error: &TableError) -> Status {
    if let TableError::Full(_) = error {
        return refusal::full();
    }
    tracing::error!(%error, "the table of links failed");
    store_failed()
}

impl Link {
    /// Under which its path is kept.
    fn key(&self) -> Vec<u8> {
        [BY_OWNER, &self.owner.0, blake3::hash(&self.to_bytes()).as_bytes()].concat()
    }

    /// Version 1: 1, the owner, the currency, the hundredths, the URL to the end.
    fn to_bytes(&self) -> Vec<u8> {
        let hundredths = self.hundredths.to_le_bytes();
        [&[1], &self.owner.0[..], &self.currency, &hundredths, self.url.as_bytes()].concat()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(&[1])?;
        let (owner, rest) = rest.split_first_chunk::<32>()?;
        let (currency, rest) = rest.split_first_chunk::<3>()?;
        let (hundredths, url) = rest.split_first_chunk::<8>()?;
        Some(Self {
            owner: PublicKey(*owner),
            currency: *currency,
            hundredths: u64::from_le_bytes(*hundredths),
            url: core::str::from_utf8(url).ok()?.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quittance_runtime::table::MemoryTable;

    fn link(n: usize) -> Link {
        let url = format!("https://news.example/{n}");
        Link { owner: PublicKey([5; 32]), currency: *b"usd", hundredths: 25, url }
    }

    #[test]
    fn a_link_keeps_its_path_and_an_owner_has_an_end_of_them() {
        let table: Arc<dyn Table> = Arc::new(MemoryTable::new());
        let first = keep(&table, &link(0)).expect("a path");
        assert_eq!(keep(&table, &link(0)), Ok(first.clone()));
        let stored = table.get(&[BY_PATH, first.as_bytes()].concat()).expect("a table").expect("a link");
        assert_eq!(Link::from_bytes(&stored), Some(link(0)));
        for n in 1..MAX_LINKS {
            let path = keep(&table, &link(n)).expect("a path");
            assert!((1..=6).contains(&path.len()) && path.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        }
        assert_eq!(
            keep(&table, &link(MAX_LINKS)).map_err(|status| status.code),
            Err(Code::ResourceExhausted)
        );
        assert_eq!(keep(&table, &link(0)), Ok(first), "what is there stays");
        let other = Link { owner: PublicKey([6; 32]), ..link(0) };
        assert!(keep(&table, &other).is_ok(), "one owner takes nobody else's room");
        for cut in 0..44 {
            assert_eq!(Link::from_bytes(&link(0).to_bytes()[..cut]), None, "{cut}");
        }
    }
}
