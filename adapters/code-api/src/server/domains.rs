//! Which keys a domain publishes (protocol e.5).
//!
//! The document is fetched when somebody claims to speak for a domain, and kept for a short time: a key that is taken off its
//! domain loses its word within minutes.
//!
//! Anybody can name domains that do not answer, and have a key to claim them with. What that takes up is theirs: domains that have
//! proved a key lately have fetches of their own and are forgotten last.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use quittance_core::site::Domain;
use quittance_outbound::{Answer, Error, Outbound};
use serde::Deserialize;
use tokio::sync::{OnceCell, Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout, timeout_at};

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
/// Documents that are fetched at a time: in all, and of domains that have not proved a key lately.
const MAX_FETCHES: usize = 64;
const MAX_STRANGERS: usize = 48;
/// How long a domain counts as one that has, whatever it answered since: a shop whose server is away for an hour is no stranger.
const PROVED: Duration = Duration::from_secs(24 * 60 * 60);
/// How long a fetch may wait for its turn, beside the time that it may take.
const TURN: Duration = Duration::from_secs(5);

/// What domains publish, as far as anybody asked.
#[derive(Debug)]
pub(super) struct Domains {
    outbound: Outbound,
    scheme: &'static str,
    known: Mutex<HashMap<Domain, Arc<Known>>>,
    fetches: Semaphore,
    strangers: Semaphore,
}

/// What is known of a domain, or is being fetched, or is to be.
#[derive(Debug, Default)]
struct Known {
    published: OnceCell<Published>,
    /// What stood before.
    last: Option<Published>,
    /// When it proved a key the last time before that.
    proved: Option<Instant>,
    /// Whether it has proved one by what it publishes now.
    proves: AtomicBool,
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

    fn proved_at(&self) -> Option<Instant> {
        let now = self.published.get().filter(|_| self.proves.load(Ordering::Relaxed));
        now.map(|published| published.at).or(self.proved)
    }

    fn is_proved(&self) -> bool {
        self.proved_at().is_some_and(|at| at.elapsed() < PROVED)
    }

    /// Who is smallest is forgotten first: strangers before the others, and among these who is not being fetched, did not answer,
    /// and was asked the longest ago.
    fn worth(&self, is_used: bool) -> impl Ord {
        let published = self.published.get().or(self.last.as_ref());
        let answered = published.is_some_and(|published| published.keys.is_ok());
        (self.is_proved(), is_used, answered, published.map(|published| published.at))
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
        let (fetches, strangers) = (Semaphore::new(MAX_FETCHES), Semaphore::new(MAX_STRANGERS));
        Self { outbound, scheme, known: Mutex::default(), fetches, strangers }
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
        let fetched = known.published.get_or_try_init(|| self.fetch(&base.domain, known.is_proved()));
        let keys = match timeout(TURN * 2, fetched).await {
            Ok(Ok(published)) => published.keys.as_ref().map_err(|why| failed(why))?,
            Ok(Err(Busy)) | Err(_) => known.last_keys().ok_or_else(|| {
                refusal::unavailable(
                    "the domain's keys could not be fetched: too many fetches are under way; try again",
                )
            })?,
        };
        if keys.contains(&key) {
            known.proves.store(true, Ordering::Relaxed);
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
        let before = all.remove(domain);
        let proved = before.as_ref().and_then(|known| known.proved_at());
        let last = before.and_then(|known| known.published.get().cloned());
        if all.len() >= MAX_DOMAINS {
            all.retain(|_, known| known.stands() || known.is_proved());
        }
        if all.len() >= MAX_DOMAINS {
            let first = all.iter().min_by_key(|(_, known)| known.worth(Arc::strong_count(known) > 1));
            if let Some(first) = first.map(|(domain, _)| domain.clone()) {
                all.remove(&first);
            }
        }
        let known = Arc::new(Known { last, proved, ..Known::default() });
        all.insert(domain.clone(), Arc::clone(&known));
        known
    }

    async fn fetch(&self, domain: &Domain, is_proved: bool) -> Result<Published, Busy> {
        let until = Instant::now() + TURN;
        let _stranger = match is_proved {
            true => None,
            false => Some(turn(&self.strangers, until).await?),
        };
        let _turn = turn(&self.fetches, until).await?;
        let url = format!("{}://{domain}/.well-known/code-payments.json", self.scheme);
        let keys = match self.outbound.get(&url).await {
            Ok(answer) => keys(&url, answer),
            Err(Error::Busy { .. }) => return Err(Busy),
            Err(error) => Err(error.to_string()),
        };
        Ok(Published { at: Instant::now(), keys })
    }
}

async fn turn(fetches: &Semaphore, until: Instant) -> Result<SemaphorePermit<'_>, Busy> {
    // Nobody closes it.
    timeout_at(until, fetches.acquire()).await.ok().and_then(Result::ok).ok_or(Busy)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn domains() -> Domains {
        let outbound = Outbound::new(quittance_outbound::Options::default()).expect("a client");
        Domains::new(outbound, false)
    }

    fn ask(domains: &Domains, domain: &str) -> Arc<Known> {
        domains.known(&domain.parse().expect("a domain"))
    }

    /// Somebody asked, and that was the answer.
    fn answered(domains: &Domains, domain: &str, keys: Result<u8, &str>) -> Arc<Known> {
        let known = ask(domains, domain);
        let keys = keys.map(|key| BTreeSet::from([PublicKey([key; 32])])).map_err(str::to_owned);
        known.published.set(Published { at: Instant::now(), keys }).expect("it is asked once");
        known
    }

    fn prove(domains: &Domains, domain: &str) {
        answered(domains, domain, Ok(1)).proves.store(true, Ordering::Relaxed);
    }

    /// Lost if this fails: whoever names a thousand domains makes the node forget the keys of every shop, and then keeps them from
    /// being fetched again.
    #[tokio::test(start_paused = true)]
    async fn shops_that_proved_a_key_are_remembered_whatever_strangers_name() {
        let domains = domains();
        for n in 0..100 {
            prove(&domains, &format!("shop-{n}.example"));
        }
        // They are not fresh any more, and what they publish counts for a while only because it did.
        tokio::time::advance(KEPT).await;
        let mut under_way = Vec::new();
        for n in 0..4 * MAX_DOMAINS {
            match n % 3 {
                0 => drop(answered(&domains, &format!("away-{n}.example"), Err("no answer"))),
                1 => drop(answered(&domains, &format!("other-{n}.example"), Ok(2))),
                _ => under_way.push(ask(&domains, &format!("hangs-{n}.example"))),
            }
            assert!(domains.known.lock().expect("nobody panicked").len() <= MAX_DOMAINS);
        }
        for n in 0..100 {
            let shop = ask(&domains, &format!("shop-{n}.example"));
            assert!(shop.is_proved() && shop.last_keys().is_some(), "number {n}");
        }
        // What failed goes before what is published and what is being asked.
        answered(&domains, "one-more.example", Ok(2));
        let all = domains.known.lock().expect("nobody panicked");
        let failed = |known: &Known| known.published.get().is_some_and(|published| published.keys.is_err());
        assert_eq!(all.values().filter(|known| failed(known)).count(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_shop_that_does_not_answer_for_an_hour_is_no_stranger_and_after_a_day_it_is() {
        let domains = domains();
        prove(&domains, "shop.example");
        for minutes in 1..=60 {
            tokio::time::advance(Duration::from_secs(60)).await;
            assert!(ask(&domains, "shop.example").is_proved(), "after {minutes} minutes");
            if !ask(&domains, "shop.example").published.initialized() {
                answered(&domains, "shop.example", Err("no answer"));
            }
        }
        tokio::time::advance(PROVED).await;
        assert!(!ask(&domains, "shop.example").is_proved());
        assert!(!ask(&domains, "other.example").is_proved());
    }
}
