//! How much one address may ask of the node.
//!
//! By the protocol a stranger asks for nothing in return, so what bounds a stranger is where it comes from. An IPv6 network of 64
//! bits counts as one address: whoever has one of its addresses has them all.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName};
use axum::middleware::Next;
use axum::response::Response;
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultDirectRateLimiter, DefaultKeyedRateLimiter, Quota, RateLimiter};
use ipnet::IpNet;
use quittance_code_api::server::Origin;

/// Where proxies say for whom they ask.
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// The most addresses whose rate is kept. Where more are busy at once, the others share one.
const MAX_ADDRESSES: usize = 65_536;
/// After so many requests the addresses that have calmed down are forgotten.
const SWEEP_EVERY: usize = 8_192;

/// What one address may do. `None` does not limit it.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    /// Requests a second; four seconds' worth may come at once.
    pub(crate) requests_per_second: Option<NonZeroU32>,
    /// Connections open at one time.
    pub(crate) connections: Option<usize>,
    /// Whose word about where a request comes from is taken. This machine's own always is.
    pub(crate) proxies: Vec<IpNet>,
}

impl Default for Limits {
    /// A busy shop's server and a household behind one address pass; nobody fills the node alone.
    fn default() -> Self {
        Self { requests_per_second: NonZeroU32::new(100), connections: Some(256), proxies: Vec::new() }
    }
}

/// The addresses that ask, and how much.
#[derive(Debug)]
pub(crate) struct Addresses {
    limits: Limits,
    requests: Option<Rates>,
    connections: Mutex<HashMap<IpAddr, usize>>,
}

#[derive(Debug)]
struct Rates {
    each: DefaultKeyedRateLimiter<IpAddr>,
    others: DefaultDirectRateLimiter,
    since_sweep: AtomicUsize,
}

/// Where a connection comes from, as the requests on it carry it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// A connection's share of its address. Dropping it gives the share back.
#[derive(Debug)]
pub(crate) struct Share {
    addresses: Arc<Addresses>,
    address: IpAddr,
}

impl Addresses {
    pub(crate) fn new(limits: Limits) -> Arc<Self> {
        let requests = limits.requests_per_second.map(|most| {
            let quota =
                Quota::per_second(most).allow_burst(most.saturating_mul(NonZeroU32::MIN.saturating_add(3)));
            Rates {
                each: RateLimiter::keyed(quota),
                others: RateLimiter::direct(quota),
                since_sweep: AtomicUsize::new(0),
            }
        });
        Arc::new(Self { limits, requests, connections: Mutex::default() })
    }

    /// A share for one more connection; `None` when its address has as many as it may.
    pub(crate) fn connect(self: &Arc<Self>, peer: IpAddr) -> Option<Share> {
        let address = network(peer);
        if let Some(most) = self.limits.connections.filter(|_| !self.is_trusted(peer)) {
            // As long as the connections it counts, which the listener bounds.
            let mut open = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
            let count = open.entry(address).or_default();
            if *count >= most {
                return None;
            }
            *count += 1;
        }
        Some(Share { addresses: Arc::clone(self), address })
    }

    /// Counts a request from what counts as one address; how long to wait where it has asked too much.
    pub(crate) fn count(&self, address: IpAddr) -> Result<(), Duration> {
        let Some(rates) = &self.requests else { return Ok(()) };
        if rates.since_sweep.fetch_add(1, Ordering::Relaxed) % SWEEP_EVERY == SWEEP_EVERY - 1 {
            rates.each.retain_recent();
        }
        let told = if rates.each.len() < MAX_ADDRESSES {
            rates.each.check_key(&address)
        } else {
            rates.others.check()
        };
        told.map_err(|not_until| not_until.wait_time_from(DefaultClock::default().now()))
    }

    /// What counts as the address that asks; `None` for a request that is not counted.
    fn caller(&self, peer: IpAddr, headers: &HeaderMap) -> Option<IpAddr> {
        self.origin(peer, headers).map(network)
    }

    /// Whose request it is; `None` for one that a trusted machine asks for itself.
    fn origin(&self, peer: IpAddr, headers: &HeaderMap) -> Option<IpAddr> {
        if !self.is_trusted(peer) {
            return Some(peer);
        }
        // Each proxy adds whom it heard from at the end. What stands in front of the last one that is not ours, anybody can
        // have written.
        let said = headers.get_all(FORWARDED_FOR).iter().filter_map(|value| value.to_str().ok());
        let hops: Vec<_> = said.flat_map(|value| value.split(',')).map(|hop| hop.trim().parse()).collect();
        let stranger =
            hops.into_iter().rev().find(|hop| hop.as_ref().map_or(true, |hop| !self.is_trusted(*hop)));
        match stranger {
            Some(Ok(stranger)) => Some(stranger),
            // A proxy that says something else is taken for the one that asks.
            Some(Err(_)) => Some(peer),
            None => None,
        }
    }

    fn is_trusted(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_loopback() || self.limits.proxies.iter().any(|network| network.contains(&address))
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut open = self.addresses.connections.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.address) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                open.remove(&self.address);
            }
        }
    }
}

/// Lets a request in, or answers it in the words of the protocol it speaks.
pub(crate) async fn admit(
    State(addresses): State<Arc<Addresses>>,
    peer: Option<Extension<Peer>>,
    mut request: Request,
    next: Next,
) -> Response {
    let Some(Extension(Peer(peer))) = peer else { return next.run(request).await };
    let Some(address) = addresses.caller(peer, request.headers()) else { return next.run(request).await };
    match addresses.count(address) {
        Ok(()) => {
            // What one request asks for can be long and much: a stream, the frames of a socket.
            request.extensions_mut().insert(Origin(address));
            next.run(request).await
        }
        Err(wait) => {
            let busy = quittance_code_api::server::too_many_requests(&request, wait);
            busy.unwrap_or_else(|| quittance_http_api::too_many_requests(wait))
        }
    }
}

/// What counts as one address.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let network = u128::from_be_bytes(address.octets()) & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from(network))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn addresses(most: u32) -> Arc<Addresses> {
        Addresses::new(Limits {
            requests_per_second: NonZeroU32::new(most),
            connections: Some(2),
            proxies: vec!["10.0.0.0/8".parse().unwrap()],
        })
    }

    #[test]
    fn an_address_that_asks_too_much_waits_and_keeps_nobody_else_waiting() {
        let addresses = addresses(2);
        let ask = |text: &str| {
            let caller = addresses.caller(ip(text), &HeaderMap::new());
            addresses.count(caller.expect("a stranger"))
        };
        let passed = (0..100).filter(|_| ask("203.0.113.7").is_ok()).count();
        assert!((8..12).contains(&passed), "four seconds' worth at once, and hardly more: {passed}");
        let wait = ask("203.0.113.7").unwrap_err();
        assert!(wait > Duration::ZERO && wait <= Duration::from_millis(500), "{wait:?}");
        assert_eq!(ask("203.0.113.8"), Ok(()));
        // A stranger with a whole network of addresses is one stranger.
        let passed = (0..100).filter(|i| ask(&format!("2001:db8::{i:x}")).is_ok()).count();
        assert!((8..12).contains(&passed), "{passed}");
        assert_eq!(ask("2001:db8:0:1::1"), Ok(()));
        let passed = (0..100).filter(|_| ask("::ffff:203.0.113.9").is_ok()).count();
        assert!(passed < 12 && ask("203.0.113.9").is_err(), "one address in two spellings: {passed}");
    }

    #[test]
    fn a_proxy_is_believed_about_strangers_and_a_stranger_about_nobody() {
        let addresses = addresses(2);
        for (peer, said, origin) in [
            ("203.0.113.7", "", Some("203.0.113.7")),
            ("203.0.113.7", "198.51.100.1", Some("203.0.113.7")),
            ("127.0.0.1", "", None),
            ("::1", "198.51.100.1", Some("198.51.100.1")),
            ("10.1.2.3", "198.51.100.1", Some("198.51.100.1")),
            ("10.1.2.3", "192.0.2.1, 198.51.100.1", Some("198.51.100.1")),
            ("10.1.2.3", "198.51.100.1, 10.9.9.9", Some("198.51.100.1")),
            ("10.1.2.3", "10.9.9.9", None),
            ("10.1.2.3", "198.51.100.1, unknown", Some("10.1.2.3")),
            ("::ffff:10.1.2.3", "2001:db8::5", Some("2001:db8::5")),
        ] {
            let mut headers = HeaderMap::new();
            if !said.is_empty() {
                headers.insert(FORWARDED_FOR, said.parse().unwrap());
            }
            assert_eq!(addresses.origin(ip(peer), &headers), origin.map(ip), "{peer} says {said:?}");
        }
    }

    #[test]
    fn an_address_has_so_many_connections_and_gets_them_back() {
        let addresses = addresses(2);
        let first = addresses.connect(ip("203.0.113.7"));
        let second = addresses.connect(ip("::ffff:203.0.113.7"));
        assert!(first.is_some() && second.is_some());
        assert!(addresses.connect(ip("203.0.113.7")).is_none(), "a stranger takes every place");
        assert!(addresses.connect(ip("203.0.113.8")).is_some());
        drop(second);
        assert!(addresses.connect(ip("203.0.113.7")).is_some());
        let local: Vec<_> = (0..9).map(|_| addresses.connect(ip("127.0.0.1"))).collect();
        assert!(local.iter().all(Option::is_some));
        drop((first, local));
        let open = addresses.connections.lock().unwrap();
        assert!(open.is_empty(), "addresses that have gone are remembered: {open:?}");
    }
}
