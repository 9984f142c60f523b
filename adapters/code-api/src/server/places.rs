//! The streams that may be open at one time, and whose they are.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::Extensions;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::refusal::unavailable;
use crate::status::{Code, Status};

/// One address has at most one in so many of the places.
const SHARES: usize = 16;

/// All IPv6 addresses with the same first 48 bits, which is what one customer of a network gets, have at most one in so many.
const SITE_SHARES: usize = 2;

/// One in so many of the places is kept for those who pay.
const PAYMENTS: usize = 16;

/// The address that counts as the one a request comes from. Whoever knows it puts it into the request's extensions; a request
/// without one is limited together with all others only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Origin(pub IpAddr);

/// Asked before anything is answered that comes from an address without a request of its own: a further frame of a WebSocket.
#[derive(Clone)]
pub struct Admit(Arc<dyn Fn(IpAddr) -> Result<(), Duration> + Send + Sync>);

impl Admit {
    /// `count` counts one more for an address, or says how long it has to wait. It must not block.
    pub fn new(count: impl Fn(IpAddr) -> Result<(), Duration> + Send + Sync + 'static) -> Self {
        Self(Arc::new(count))
    }
}

impl fmt::Debug for Admit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admit").finish_non_exhaustive()
    }
}

/// Where a request comes from, if that is known.
pub(super) fn origin(extensions: &Extensions) -> Option<Origin> {
    extensions.get::<Origin>().copied()
}

/// Counts one more message from there.
///
/// # Errors
/// `resource_exhausted` when the address asks too much.
pub(super) fn admit(admit: Option<&Admit>, origin: Option<Origin>) -> Result<(), Status> {
    let (Some(Admit(count)), Some(Origin(address))) = (admit, origin) else { return Ok(()) };
    count(address).map_err(too_much)
}

/// An address has asked too much.
pub(super) fn too_much(wait: Duration) -> Status {
    let text = format!("too many requests from this address; try again in {} ms", wait.as_millis().max(1));
    Status::new(Code::ResourceExhausted, text)
}

/// The places that streams take.
#[derive(Debug, Clone)]
pub(super) struct Places {
    streams: Pool,
    payments: Pool,
}

impl Places {
    /// So many in all.
    pub(super) fn new(size: usize) -> Self {
        let payments = size / PAYMENTS;
        Self { streams: Pool::new(size - payments), payments: Pool::new(payments) }
    }

    /// A place for a stream that may stay for long.
    ///
    /// # Errors
    /// `resource_exhausted` when the address has its share, `unavailable` when no place is free.
    pub(super) fn take(&self, origin: Option<Origin>) -> Result<Place, Status> {
        self.streams.take(origin)
    }

    /// A place for a payment, which takes seconds: also where streams have taken all of theirs.
    ///
    /// # Errors
    /// As for [`take`](Self::take).
    pub(super) fn take_for_payment(&self, origin: Option<Origin>) -> Result<Place, Status> {
        self.payments.take(origin).or_else(|_| self.streams.take(origin))
    }
}

#[derive(Debug, Clone)]
struct Pool {
    free: Arc<Semaphore>,
    /// Of one address, and of one site.
    shares: [usize; 2],
    taken: Arc<Mutex<HashMap<Holder, usize>>>,
}

/// Who has places.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Holder {
    Address(IpAddr),
    /// The first 48 bits.
    Site(u128),
}

/// A place that is taken. Dropping it gives it back.
#[derive(Debug)]
pub(super) struct Place {
    _share: Option<Share>,
    _permit: OwnedSemaphorePermit,
}

#[derive(Debug)]
struct Share {
    holders: [Option<Holder>; 2],
    taken: Arc<Mutex<HashMap<Holder, usize>>>,
}

impl Pool {
    fn new(size: usize) -> Self {
        let free = Arc::new(Semaphore::new(size.min(Semaphore::MAX_PERMITS)));
        let shares = [SHARES, SITE_SHARES].map(|part| (size / part).max(1));
        Self { free, shares, taken: Arc::default() }
    }

    fn take(&self, origin: Option<Origin>) -> Result<Place, Status> {
        let permit = self.free.clone().try_acquire_owned();
        let _permit = permit.map_err(|_| unavailable("too many open sockets; try again in a moment"))?;
        let _share = origin.map(|origin| self.share(origin)).transpose()?;
        Ok(Place { _share, _permit })
    }

    fn share(&self, Origin(address): Origin) -> Result<Share, Status> {
        // As long as the places are many: each address in it has one at least.
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let site = match address.to_canonical() {
            IpAddr::V6(address) => Some(Holder::Site(u128::from(address) >> 80)),
            IpAddr::V4(_) => None,
        };
        let holders = [Some(Holder::Address(address)), site];
        let has_all = |(holder, share): (&Option<Holder>, usize)| {
            holder.and_then(|holder| taken.get(&holder)).is_some_and(|count| *count >= share)
        };
        if holders.iter().zip(self.shares).any(has_all) {
            let text = "too many open sockets of this address; close one first";
            return Err(Status::new(Code::ResourceExhausted, text));
        }
        for holder in holders.into_iter().flatten() {
            *taken.entry(holder).or_default() += 1;
        }
        Ok(Share { holders, taken: self.taken.clone() })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        for holder in self.holders.into_iter().flatten() {
            if let Some(count) = taken.get_mut(&holder) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    taken.remove(&holder);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(last: u8) -> Option<Origin> {
        Some(Origin(IpAddr::from([203, 0, 113, last])))
    }

    /// Lost if this fails: one stranger takes every place, and nobody else sees that a payment has come.
    #[test]
    fn an_address_has_its_share_of_the_places_and_payments_have_theirs() {
        let places = Places::new(256);
        let take = |last, count: usize| {
            let taken: Vec<_> = (0..count).map_while(|_| places.take(from(last)).ok()).collect();
            taken
        };
        let first = take(1, 1000);
        assert_eq!(first.len(), 15);
        assert_eq!(places.take(from(1)).map_err(|status| status.code).err(), Some(Code::ResourceExhausted));
        let others: Vec<_> = (2..=16).flat_map(|last| take(last, 15)).collect();
        assert_eq!(first.len() + others.len(), 240);
        let full = |origin| places.take(origin).map_err(|status| status.code).err();
        assert_eq!((full(from(17)), full(None)), (Some(Code::Unavailable), Some(Code::Unavailable)));
        // Who pays finds a place all the same, and one who pays much takes no other's.
        let pay = |last| places.take_for_payment(from(last)).ok();
        let one = pay(1).expect("a place");
        assert!(pay(1).is_none());
        let all: Vec<_> = (2..=16).filter_map(pay).collect();
        assert_eq!(all.len(), 15);
        assert!(pay(17).is_none());
        drop((one, first, all, others));
        assert_eq!(take(17, 1000).len(), 15);
        let remembered = [&places.streams, &places.payments].map(|pool| pool.taken.lock().unwrap().len());
        assert_eq!(remembered, [0, 0], "addresses that have gone are remembered");
    }

    /// Lost if this fails: who has a network of addresses, which costs nothing, has as many shares.
    #[test]
    fn a_site_has_half_of_the_places() {
        let places = Places::new(256);
        let from =
            |site: u16, network: u16| Some(Origin(IpAddr::from([0x2001, 0xdb8, site, network, 0, 0, 0, 0])));
        let all: Vec<_> = (0..1000).filter_map(|network| places.take(from(1, network)).ok()).collect();
        assert_eq!(all.len(), 120);
        let other = places.take(from(2, 0));
        assert!(other.is_ok());
        drop((all, other));
        assert!(places.streams.taken.lock().unwrap().is_empty());
    }

    /// Lost if this fails: a small node has no places at all.
    #[test]
    fn few_places_are_all_there() {
        let places = Places::new(2);
        let one = places.take_for_payment(from(1)).expect("a place");
        assert!(places.take(from(1)).is_err());
        let two = places.take(None).expect("a place");
        assert!(places.take(None).is_err());
        drop((one, two));
        assert!(places.take(from(1)).is_ok());
    }
}
