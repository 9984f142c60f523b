//! Which keys a domain publishes (protocol e.5).
//!
//! The document is fetched when somebody claims to speak for a domain, and kept for a short time: a key that is taken off its
//! domain loses its word within minutes.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use quittance_core::site::Domain;
use quittance_outbound::Outbound;
use serde::Deserialize;
use tokio::sync::{OnceCell, Semaphore};
use tokio::time::{Instant, timeout};

use crate::base_domain::BaseDomain;
use crate::key::PublicKey;
use crate::status::{Code, Status};

/// How long a domain's keys are taken for what it publishes.
const KEPT: Duration = Duration::from_secs(5 * 60);
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
    known: Mutex<HashMap<Domain, Arc<OnceCell<Published>>>>,
    fetches: Semaphore,
}

/// What a domain answered, and when.
#[derive(Debug)]
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
    /// In the words of protocol e.5: unauthenticated where it cannot be found out, permission denied where it does not.
    pub(super) async fn prove(&self, base: &BaseDomain, key: PublicKey) -> Result<(), Status> {
        let failed = |why: &str| {
            // The spelling is the protocol's.
            Status::new(Code::Unauthenticated, format!("error veryfing domain ownership: {why}"))
        };
        if base.is_subdomain {
            return Err(failed("subdomains cannot be verified"));
        }
        let published = self.published(&base.domain);
        // One fetch for everybody who asks meanwhile. If who began it goes away, the next of them begins anew.
        let published = published.get_or_init(|| self.fetch(&base.domain));
        match &timeout(TURN * 2, published).await.map_err(|_| failed("too many look-ups are under way"))?.keys
        {
            Err(why) => Err(failed(why)),
            Ok(keys) if keys.contains(&key) => Ok(()),
            Ok(_) => {
                let text = format!("{key} does not own domain {}", base.domain);
                Err(Status::new(Code::PermissionDenied, text))
            }
        }
    }

    /// What is known of a domain, or is being fetched, or is to be.
    fn published(&self, domain: &Domain) -> Arc<OnceCell<Published>> {
        // Nothing panics while it is held.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let stands = |cell: &Arc<OnceCell<Published>>| cell.get().is_none_or(Published::is_fresh);
        if let Some(cell) = known.get(domain).filter(|cell| stands(cell)) {
            return cell.clone();
        }
        if known.len() >= MAX_DOMAINS {
            known.retain(|_, cell| stands(cell));
        }
        if known.len() >= MAX_DOMAINS {
            // All are fresh: the oldest goes, before those that are being fetched.
            let oldest = known.iter().min_by_key(|(_, cell)| match cell.get() {
                Some(published) => (false, Some(published.at)),
                None => (true, None),
            });
            if let Some(oldest) = oldest.map(|(domain, _)| domain.clone()) {
                known.remove(&oldest);
            }
        }
        let cell = Arc::new(OnceCell::new());
        known.insert(domain.clone(), cell.clone());
        cell
    }

    async fn fetch(&self, domain: &Domain) -> Published {
        let keys = match timeout(TURN, self.fetches.acquire()).await {
            Ok(Ok(_turn)) => self.keys(domain).await,
            _ => Err("too many look-ups are under way".to_owned()),
        };
        Published { at: Instant::now(), keys }
    }

    async fn keys(&self, domain: &Domain) -> Result<BTreeSet<PublicKey>, String> {
        let url = format!("{}://{domain}/.well-known/code-payments.json", self.scheme);
        let answer = self.outbound.get(&url).await.map_err(|error| error.to_string())?;
        if answer.status != 200 {
            return Err(format!("expected HTTP 200 from {url}, got {}", answer.status));
        }
        let document: WellKnown =
            serde_json::from_slice(&answer.body).map_err(|error| format!("{url}: {error}"))?;
        // What is no key is nobody's: it must not keep the others from counting.
        Ok(document.public_keys.iter().filter_map(|text| text.parse().ok()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_stranger_with_many_domains_takes_no_more_room_than_there_is() {
        let outbound = Outbound::new(quittance_outbound::Options::default()).expect("a door");
        let domains = Domains::new(outbound, false);
        let name = |n: usize| format!("site-{n}.example").parse::<Domain>().expect("a domain");
        let first = domains.published(&name(0));
        assert!(
            Arc::ptr_eq(&first, &domains.published(&name(0))),
            "one look for everybody who asks meanwhile"
        );
        for n in 0..3 * MAX_DOMAINS {
            let cell = domains.published(&name(n));
            cell.set(Published { at: Instant::now(), keys: Ok(BTreeSet::new()) })
                .expect("asked for the first time");
        }
        let kept = domains.known.lock().expect("nobody panics").len();
        assert_eq!(kept, MAX_DOMAINS);
        let last = name(3 * MAX_DOMAINS - 1);
        assert!(domains.published(&last).get().is_some(), "the newest stay");
        assert!(domains.published(&name(0)).get().is_none(), "the oldest go");
    }
}
