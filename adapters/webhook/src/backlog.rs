//! What waits to be delivered, and to whom next.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use quittance_core::ids::IntentId;

/// Calls to a host that nothing is known of yet.
const FIRST_SHARE: usize = 2;
/// Calls to a host that has answered so far.
const LARGEST_SHARE: usize = 16;
/// Calls to a host that did not answer the last time.
const SMALLEST_SHARE: usize = 1;
/// Idle hosts whose share is remembered.
const MAX_REMEMBERED: usize = 10_000;

/// Deliveries by host. A host gets few calls at a time, the fewer the worse it answers, so that those who wait for a dead one
/// leave the places to the others. Hosts take turns.
#[derive(Debug)]
pub(crate) struct Backlog {
    hosts: BTreeMap<Arc<str>, Host>,
    /// Hosts that something waits for and that may be called, in turn; each once.
    turns: VecDeque<Arc<str>>,
    known: BTreeSet<IntentId>,
    places: usize,
}

#[derive(Debug)]
struct Host {
    waiting: VecDeque<IntentId>,
    running: usize,
    share: usize,
    /// Whether it is among the turns.
    queued: bool,
}

impl Backlog {
    /// With so many calls at once.
    pub(crate) fn new(places: usize) -> Self {
        Self { hosts: BTreeMap::new(), turns: VecDeque::new(), known: BTreeSet::new(), places }
    }

    /// How many deliveries wait or are under way.
    pub(crate) fn len(&self) -> usize {
        self.known.len()
    }

    pub(crate) fn holds(&self, intent: &IntentId) -> bool {
        self.known.contains(intent)
    }

    /// Lets a delivery wait, unless it does already.
    pub(crate) fn add(&mut self, intent: IntentId, host: &str) {
        if !self.known.insert(intent) {
            return;
        }
        let name = match self.hosts.get_key_value(host) {
            Some((name, _)) => Arc::clone(name),
            None => {
                self.forget_idle();
                let name: Arc<str> = host.into();
                let new = Host { waiting: VecDeque::new(), running: 0, share: FIRST_SHARE, queued: false };
                self.hosts.insert(Arc::clone(&name), new);
                name
            }
        };
        if let Some(host) = self.hosts.get_mut(&name) {
            host.waiting.push_back(intent);
        }
        self.queue(name);
    }

    /// The next delivery to begin, if there is a place for one, and its host.
    pub(crate) fn begin(&mut self) -> Option<(IntentId, Arc<str>)> {
        if self.places == 0 {
            return None;
        }
        let name = self.turns.pop_front()?;
        let host = self.hosts.get_mut(&name)?;
        host.queued = false;
        let intent = host.waiting.pop_front()?;
        host.running += 1;
        self.places -= 1;
        self.queue(Arc::clone(&name));
        Some((intent, name))
    }

    /// A delivery has ended, or was not begun after all; whether the host answered, if it was asked.
    pub(crate) fn end(&mut self, intent: &IntentId, name: Arc<str>, answered: Option<bool>) {
        self.known.remove(intent);
        self.places += 1;
        if let Some(host) = self.hosts.get_mut(&name) {
            host.running -= 1;
            host.share = match answered {
                Some(true) => (host.share + 1).min(LARGEST_SHARE),
                Some(false) => SMALLEST_SHARE,
                None => host.share,
            };
        }
        self.queue(name);
    }

    /// Gives a host its turn if something waits for it and its share is not used up.
    fn queue(&mut self, name: Arc<str>) {
        if let Some(host) = self.hosts.get_mut(&name)
            && !host.queued
            && !host.waiting.is_empty()
            && host.running < host.share
        {
            host.queued = true;
            self.turns.push_back(name);
        }
    }

    fn forget_idle(&mut self) {
        if self.hosts.len() >= MAX_REMEMBERED {
            self.hosts.retain(|_, host| host.running > 0 || !host.waiting.is_empty());
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn intent(n: u16) -> IntentId {
        let mut id = [0; 32];
        id[..2].copy_from_slice(&n.to_be_bytes());
        IntentId(id)
    }

    /// A healthy merchant waits for nobody if 100 dead ones, each with much to deliver, cannot take all places.
    #[test]
    fn a_hundred_dead_hosts_leave_places_for_a_living_one() {
        let mut backlog = Backlog::new(250);
        for n in 0..10_000 {
            backlog.add(intent(n), &format!("dead-{}.example", n % 100));
        }
        let begun = std::iter::from_fn(|| backlog.begin()).count();
        assert_eq!(begun, 100 * FIRST_SHARE);
        backlog.add(intent(10_000), "shop.example");
        assert_eq!(backlog.begin().map(|(id, _)| id), Some(intent(10_000)));
    }

    #[test]
    fn a_host_that_answers_gets_more_at_a_time_and_one_that_does_not_gets_one() {
        let mut backlog = Backlog::new(250);
        for n in 0..200 {
            backlog.add(intent(n), "shop.example");
        }
        let begin = |backlog: &mut Backlog| std::iter::from_fn(|| backlog.begin()).collect::<Vec<_>>();
        let mut running: VecDeque<_> = begin(&mut backlog).into();
        for _ in 0..40 {
            let (id, host) = running.pop_front().unwrap();
            backlog.end(&id, host, Some(true));
            running.extend(begin(&mut backlog));
        }
        assert_eq!(running.len(), LARGEST_SHARE);
        while let Some((id, host)) = running.pop_front() {
            backlog.end(&id, host, Some(false));
        }
        assert_eq!(begin(&mut backlog).len(), SMALLEST_SHARE);
    }

    proptest! {
        /// A delivery that is lost here waits until the next start; one that is begun twice is sent twice.
        #[test]
        fn every_delivery_is_begun_once_and_never_more_at_a_time_than_there_are_places(
            places in 1..6_usize,
            steps in proptest::collection::vec((0..200_u16, 0..8_u8, 0..3_u8), 0..300),
        ) {
            let mut backlog = Backlog::new(places);
            let (mut running, mut added, mut begun) = (VecDeque::new(), BTreeSet::new(), Vec::new());
            for (n, host, what) in steps {
                if what < 2 {
                    if added.insert(n) {
                        backlog.add(intent(n), &format!("{host}.example"));
                    }
                } else if let Some((id, host)) = running.pop_front() {
                    backlog.end(&id, host, Some(n % 2 == 0));
                }
                while let Some(next) = backlog.begin() {
                    begun.push(next.0);
                    running.push_back(next);
                }
                prop_assert!(running.len() <= places);
            }
            while let Some((id, host)) = running.pop_front() {
                backlog.end(&id, host, None);
                while let Some(next) = backlog.begin() {
                    begun.push(next.0);
                    running.push_back(next);
                }
            }
            begun.sort_unstable();
            prop_assert_eq!(begun, added.into_iter().map(intent).collect::<Vec<_>>());
            prop_assert_eq!(backlog.len(), 0);
        }
    }
}
