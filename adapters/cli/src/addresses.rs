//! How much one address may ask of the node.
//!
//! By the protocol a stranger asks for nothing in return, so what bounds a stranger is where it comes from. An IPv6 network of 64
//! bits counts as one address: whoever has one of its addresses has them all. One of 48 bits, which is what a site is given
//! (RFC 6177), may do what eight addresses may.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
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
/// What all addresses of a site may do together: so much more than one.
const SITE: u8 = 8;
/// A burst, in seconds' worth of requests.
const BURST: u32 = 4;

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
        Self { requests_per_second: NonZeroU32::new(25), connections: Some(256), proxies: Vec::new() }
    }
}

/// The addresses that ask, and how much.
#[derive(Debug)]
pub(crate) struct Addresses {
    limits: Limits,
    requests: Option<Rates>,
    connections: Mutex<HashMap<IpNet, usize>>,
    /// Whether it was said that a proxy does not say for whom it asks.
    silent_proxy: AtomicBool,
}

#[derive(Debug)]
struct Rates {
    addresses: Buckets,
    sites: Buckets,
    since_sweep: AtomicUsize,
}

#[derive(Debug)]
struct Buckets {
    each: DefaultKeyedRateLimiter<IpNet>,
    others: DefaultDirectRateLimiter,
}

/// Where a connection comes from, as the requests on it carry it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// A connection's share of its address, and of its site. Dropping it gives both back.
#[derive(Debug)]
pub(crate) struct Share {
    addresses: Arc<Addresses>,
    /// What it was counted for: nothing where nobody counts.
    counted: [Option<IpNet>; 2],
}

impl Rates {
    fn new(most: NonZeroU32) -> Self {
        Self {
            addresses: Buckets::new(most),
            sites: Buckets::new(most.saturating_mul(NonZeroU32::MIN.saturating_add(u32::from(SITE) - 1))),
            since_sweep: AtomicUsize::new(0),
        }
    }

    fn check(&self, origin: IpAddr) -> Result<(), Duration> {
        if self.since_sweep.fetch_add(1, Ordering::Relaxed) % SWEEP_EVERY == SWEEP_EVERY - 1 {
            self.addresses.each.retain_recent();
            self.sites.each.retain_recent();
        }
        // The address first: one that asks too much uses up nothing of its neighbours'.
        self.addresses.check(address(origin))?;
        site(origin).map_or(Ok(()), |site| self.sites.check(site))
    }
}

impl Buckets {
    fn new(most: NonZeroU32) -> Self {
        let burst = most.saturating_mul(NonZeroU32::MIN.saturating_add(BURST - 1));
        let quota = Quota::per_second(most).allow_burst(burst);
        Self { each: RateLimiter::keyed(quota), others: RateLimiter::direct(quota) }
    }

    fn check(&self, network: IpNet) -> Result<(), Duration> {
        let told =
            if self.each.len() < MAX_ADDRESSES { self.each.check_key(&network) } else { self.others.check() };
        told.map_err(|not_until| not_until.wait_time_from(DefaultClock::default().now()))
    }
}

impl Addresses {
    pub(crate) fn new(limits: Limits) -> Arc<Self> {
        let requests = limits.requests_per_second.map(Rates::new);
        Arc::new(Self {
            limits,
            requests,
            connections: Mutex::default(),
            silent_proxy: AtomicBool::new(false),
        })
    }

    /// A share for one more connection; `None` when its address, or its site, has as many as it may.
    pub(crate) fn connect(self: &Arc<Self>, peer: IpAddr) -> Option<Share> {
        let mut counted = [None; 2];
        if let Some(most) = self.limits.connections.filter(|_| !self.is_trusted(peer)) {
            let all =
                [Some((address(peer), most)), site(peer).map(|it| (it, most.saturating_mul(SITE.into())))];
            // As long as the connections it counts, which the listener bounds.
            let mut open = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
            let full = |&(network, most): &(IpNet, usize)| open.get(&network).is_some_and(|it| *it >= most);
            if most == 0 || all.iter().flatten().any(full) {
                return None;
            }
            counted = all.map(|it| it.map(|(network, _)| network));
            for network in counted.into_iter().flatten() {
                *open.entry(network).or_default() += 1;
            }
        }
        Some(Share { addresses: Arc::clone(self), counted })
    }

    /// Counts a request from what counts as one address; how long to wait where it has asked too much.
    pub(crate) fn count(&self, address: IpAddr) -> Result<(), Duration> {
        self.requests.as_ref().map_or(Ok(()), |rates| rates.check(address))
    }

    /// What counts as the address that asks, by its first; `None` for a request that is not counted.
    fn caller(&self, peer: IpAddr, headers: &HeaderMap) -> Option<IpAddr> {
        self.origin(peer, headers).map(|origin| address(origin).network())
    }

    /// Whose request it is; `None` for one that a trusted machine asks for itself.
    fn origin(&self, peer: IpAddr, headers: &HeaderMap) -> Option<IpAddr> {
        if !self.is_trusted(peer) {
            return Some(peer);
        }
        if !headers.contains_key(FORWARDED_FOR) {
            return self.silent(peer);
        }
        // Each proxy adds whom it heard from at the end. What stands in front of the last one that is not ours, anybody can
        // have written, in whatever bytes.
        let said = headers.get_all(FORWARDED_FOR).iter();
        let hops: Vec<_> = said.flat_map(|value| value.as_bytes().split(|byte| *byte == b',')).collect();
        let mut hops = hops.into_iter().rev().map(hop);
        match hops.find(|hop| hop.is_none_or(|hop| !self.is_trusted(hop))) {
            Some(Some(stranger)) => Some(stranger),
            // A proxy that says something else is taken for the one that asks.
            Some(None) => Some(peer),
            None => None,
        }
    }

    /// Whose request a trusted machine brings that says nothing: this machine's own is nobody's. Another may be a proxy that
    /// was not told to say, and all who come through it are then one.
    fn silent(&self, peer: IpAddr) -> Option<IpAddr> {
        if peer.to_canonical().is_loopback() {
            return None;
        }
        if !self.silent_proxy.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                proxy = %peer,
                "a trusted proxy does not say for whom it asks: all who come through it count as one address; let it set \
                 X-Forwarded-For"
            );
        }
        Some(peer)
    }

    fn is_trusted(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_loopback() || self.limits.proxies.iter().any(|network| network.contains(&address))
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut open = self.addresses.connections.lock().unwrap_or_else(PoisonError::into_inner);
        for network in self.counted.into_iter().flatten() {
            if let Some(count) = open.get_mut(&network) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    open.remove(&network);
                }
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

/// One entry of the header: an address, which some proxies write with a port.
fn hop(written: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(written).ok()?.trim();
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    bare.parse().ok().or_else(|| text.parse().ok().map(|address: SocketAddr| address.ip()))
}

/// What counts as one address.
fn address(address: IpAddr) -> IpNet {
    match address.to_canonical() {
        IpAddr::V6(v6) => first_bits(v6.into(), 64),
        v4 @ IpAddr::V4(_) => v4.into(),
    }
}

/// The site that an address belongs to, where there is such a thing.
fn site(address: IpAddr) -> Option<IpNet> {
    let address = address.to_canonical();
    address.is_ipv6().then(|| first_bits(address, 48))
}

fn first_bits(address: IpAddr, bits: u8) -> IpNet {
    IpNet::new(address, bits).map_or(address.into(), |network| network.trunc())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// A request without headers.
    fn ask(addresses: &Addresses, peer: &str) -> Result<(), Duration> {
        let caller = addresses.caller(ip(peer), &HeaderMap::new());
        caller.map_or(Ok(()), |address| addresses.count(address))
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
        let ask = |peer: &str| ask(&addresses, peer);
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
    fn a_site_with_sixty_thousand_networks_is_no_sixty_thousand_strangers() {
        let addresses = addresses(2);
        let ask = |site: u16, network: u16| ask(&addresses, &format!("2001:db8:{site:x}:{network:x}::1"));
        let passed = (0..1_000).filter(|network| ask(1, *network).is_ok()).count();
        assert!((64..72).contains(&passed), "{passed}");
        assert_eq!(ask(2, 0), Ok(()));
        let held: Vec<_> = (0..100)
            .filter_map(|network| addresses.connect(ip(&format!("2001:db8:3:{network:x}::1"))))
            .collect();
        assert_eq!(held.len(), 2 * usize::from(SITE), "its connections");
        drop(held);
        assert!(addresses.connections.lock().unwrap().is_empty());
    }

    #[test]
    fn no_byte_in_front_of_what_a_proxy_says_lifts_the_limit() {
        let addresses = addresses(2);
        for (said, origin) in [
            (&b"\xe9, 198.51.100.1"[..], "198.51.100.1"),
            (b"198.51.100.1, \xe9", "127.0.0.1"),
            (b"\xe9", "127.0.0.1"),
            (b"", "127.0.0.1"),
            (b",", "127.0.0.1"),
            (b"198.51.100.1:51234", "198.51.100.1"),
            (b"[2001:db8::5]:51234", "2001:db8::5"),
            (b"[2001:db8::5]", "2001:db8::5"),
            (b"198.51.100.1, 10.9.9.9:4", "198.51.100.1"),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(FORWARDED_FOR, axum::http::HeaderValue::from_bytes(said).unwrap());
            let got = addresses.origin(ip("127.0.0.1"), &headers);
            assert_eq!(got, Some(ip(origin)), "{:?}", String::from_utf8_lossy(said));
        }
    }

    #[test]
    fn a_proxy_that_does_not_say_for_whom_it_asks_is_seen_and_limited() {
        let addresses = addresses(2);
        let ask = |peer: &str| ask(&addresses, peer);
        assert!((0..100).all(|_| ask("127.0.0.1").is_ok()));
        assert!(!addresses.silent_proxy.load(Ordering::Relaxed));
        let passed = (0..100).filter(|_| ask("10.1.2.3").is_ok()).count();
        assert!(passed < 12, "{passed}");
        assert!(addresses.silent_proxy.load(Ordering::Relaxed));
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
        // One that was not counted takes nothing from those that were.
        let proxies =
            Limits { proxies: vec!["2001:db8::1/128".parse().unwrap()], ..addresses.limits.clone() };
        let others = Addresses::new(proxies);
        let first = others.connect(ip("2001:db8::2"));
        let second = others.connect(ip("2001:db8::2"));
        drop(others.connect(ip("2001:db8::1")));
        assert!(first.is_some() && second.is_some() && others.connect(ip("2001:db8::2")).is_none());
        let open = addresses.connections.lock().unwrap();
        assert!(open.is_empty(), "addresses that have gone are remembered: {open:?}");
    }
}
