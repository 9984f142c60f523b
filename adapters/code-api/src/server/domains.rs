//! Which keys a domain publishes (protocol e.5).
//!
//! The document is fetched when somebody claims to speak for a domain, and kept for a short time: a key that is taken off its
//! domain loses its word within minutes.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use quittance_core::site::Domain;
use quittance_outbound::{Answer, Error, Outbound};
use serde::Deserialize;
use tokio::sync::{OnceCell, Semaphore};
use tokio::time::{Instant, timeout};

use super::refusal;
use crate::base_domain::BaseDomain;
use crate::key::PublicKey;
use crate::status::{Code, Status};

/// How long a domain's keys are taken for what it publishes.
const KEPT: Duration = Duration::from_secs(5 * 60);
/// How much longer, while this node has too much else to fetch to ask again.
const GRACE: Duration = Duration::from_secs(2 * 60);
/// How long a domain that did not answer is not asked again.
const KEPT_FAILURE: Duration = Duration::from_secs(30);
/// Domains that are remembered. What is forgotten is fetched again.
const MAX_DOMAINS: usize = 1024;
/// Documents that are fetched at a time.
const MAX_FETCHES: usize = 64;
/// How long a fetch may wait for its turn, beside the time that it may take.
const TURN: Duration = Duration::from_secs(5);

/// What domains publish, as far as anybody asked.
#[derive(Debug)]
pub(super) struct Domains {
    outbound: Outbound,
    scheme: &'static str,
    known: Mutex<HashMap<Domain, Arc<Known>>>,
    fetches: Semaphore,
}

/// What is known of a domain, or is being fetched, or is to be.
#[derive(Debug, Default)]
struct Known {
    published: OnceCell<Published>,
    /// What stood before.
    last: Option<Published>,
}

/// A domain was not asked: this node has too much to fetch.
struct Busy;

/// What a domain answered, and when.
#[derive(Debug, Clone)]
struct Published {
    at: Instant,
    keys: Result<BTreeSet<PublicKey>, String>,
}

/// The document (protocol e.5). Further entries are for others.
#[derive(Deserialize)]
struct WellKnown {
    public_keys: Vec<String>,
}

impl Published {
    fn is_fresh(&self) -> bool {
        let kept = if self.keys.is_ok() { KEPT } else { KEPT_FAILURE };
        self.at.elapsed() < kept
    }
}

impl Known {
    /// Whether nothing has to be fetched before it answers, or it is being fetched.
    fn stands(&self) -> bool {
        self.published.get().is_none_or(Published::is_fresh)
    }

    /// The keys that counted last, for as long as they may without a look.
    fn last_keys(&self) -> Option<&BTreeSet<PublicKey>> {
        let last = self.last.as_ref().filter(|last| last.at.elapsed() < KEPT + GRACE)?;
        last.keys.as_ref().ok()
    }
}

impl Domains {
    /// `plain` fetches by HTTP without TLS, which the door out allows a node for trying things out alone.
    pub(super) fn new(outbound: Outbound, plain: bool) -> Self {
        let scheme = if plain { "http" } else { "https" };
        let fetches = Semaphore::new(MAX_FETCHES);
        Self { outbound, scheme, known: Mutex::default(), fetches }
    }

    /// Checks that a domain publishes a key.
    ///
    /// # Errors
    /// In the words of protocol e.5: unauthenticated where it cannot be found out, permission denied where it does not. Unavailable
    /// where this node is too busy to ask.
    pub(super) async fn prove(&self, base: &BaseDomain, key: PublicKey) -> Result<(), Status> {
        let failed = |why: &str| {
            // The spelling is the protocol's.
            Status::new(Code::Unauthenticated, format!("error veryfing domain ownership: {why}"))
        };
        if base.is_subdomain {
            return Err(failed("subdomains cannot be verified"));
        }
        let known = self.known(&base.domain);
        // One fetch for everybody who asks meanwhile. If who began it goes away, the next of them begins anew; so they do where
        // this node is busy, which says nothing of the domain.
        let fetched = known.published.get_or_try_init(|| self.fetch(&base.domain));
        let keys = match timeout(TURN * 2, fetched).await {
            Ok(Ok(published)) => published.keys.as_ref().map_err(|why| failed(why))?,
            Ok(Err(Busy)) | Err(_) => known.last_keys().ok_or_else(|| {
                refusal::unavailable(
                    "the domain's keys could not be fetched: too many fetches are under way; try again",
                )
            })?,
        };
        if keys.contains(&key) {
            return Ok(());
        }
        let text = format!("{key} does not own domain {}", base.domain);
        Err(Status::new(Code::PermissionDenied, text))
    }

    fn known(&self, domain: &Domain) -> Arc<Known> {
        // Nothing panics while it is held.
        let mut all = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = all.get(domain).filter(|known| known.stands()) {
            return Arc::clone(known);
        }
        let last = all.remove(domain).and_then(|known| known.published.get().cloned());
        if all.len() >= MAX_DOMAINS {
            all.retain(|_, known| known.stands());
        }
        if all.len() >= MAX_DOMAINS {
            // All are fresh: the oldest goes, before those that are being fetched.
            let oldest = all.iter().min_by_key(|(_, known)| {
                let at = known.published.get().or(known.last.as_ref()).map(|published| published.at);
                (Arc::strong_count(known) > 1, at)
            });
            if let Some(oldest) = oldest.map(|(domain, _)| domain.clone()) {
                all.remove(&oldest);
            }
        }
        let known = Arc::new(Known { last, ..Known::default() });
        all.insert(domain.clone(), Arc::clone(&known));
        known
    }

    async fn fetch(&self, domain: &Domain) -> Result<Published, Busy> {
        let Ok(Ok(_turn)) = timeout(TURN, self.fetches.acquire()).await else { return Err(Busy) };
        let url = format!("{}://{domain}/.well-known/code-payments.json", self.scheme);
        let keys = match self.outbound.get(&url).await {
            Ok(answer) => keys(&url, answer),
            Err(Error::Busy { .. }) => return Err(Busy),
            Err(error) => Err(error.to_string()),
        };
        Ok(Published { at: Instant::now(), keys })
    }
}

fn keys(url: &str, answer: Answer) -> Result<BTreeSet<PublicKey>, String> {
    if answer.status != 200 {
        return Err(format!("expected HTTP 200 from {url}, got {}", answer.status));
    }
    let document: WellKnown =
        serde_json::from_slice(&answer.body).map_err(|error| format!("{url}: {error}"))?;
    // What is no key is nobody's: it must not keep the others from counting.
    Ok(document.public_keys.iter().filter_map(|text| text.parse().ok()).collect())
}
