//! What waits to be delivered, and to whom next.

mod lane;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use quittance_core::ids::IntentId;

use lane::{Both, Gate, Lane, Standing};

/// Calls at a time to a host that nothing is known of yet, or that did not answer the last time.
const SMALLEST_SHARE: usize = 1;
/// To one that has answered so far.
const LARGEST_SHARE: usize = 16;
/// Calls at a time to all hosts of one site.
const SITE_SHARE: Both<usize> = Both { answering: 32, others: 8 };
/// Deliveries that wait here: for one host, for all of one site, and for all. The others wait in the state.
const HOST_WAITS: Both<usize> = Both { answering: 1_024, others: 64 };
const SITE_WAITS: Both<usize> = Both { answering: 2_048, others: 512 };
const ALL_WAIT: Both<usize> = Both { answering: 40_000, others: 40_000 };
/// Hosts that are remembered for having answered, beside those that something waits for; and of one site.
const MAX_REMEMBERED: usize = 10_000;
const SITE_REMEMBERED: usize = 1_024;

/// Deliveries by host. A host gets few calls at a time, the fewer the worse it answers, and so do all hosts of one site together:
/// who waits for a dead one leaves the places to the others. Sites take turns, and the hosts of a site. Of the places and of the
/// room to wait in, a fifth is for hosts that answered the last time, and a fifth for the others: neither can use up what the
/// other needs.
#[derive(Debug)]
pub(crate) struct Backlog {
    hosts: BTreeMap<Arc<str>, Host>,
    sites: BTreeMap<Arc<str>, Site>,
    /// Turns of sites.
    lanes: Both<Lane>,
    /// Hosts that answered and were idle then, each once.
    idle: VecDeque<Arc<str>>,
    known: BTreeSet<IntentId>,
    places: usize,
    running: usize,
    turn: Standing,
    room: bool,
}

#[derive(Debug)]
struct Host {
    site: Arc<str>,
    standing: Standing,
    waiting: VecDeque<IntentId>,
    gate: Gate,
    running: usize,
    share: usize,
    /// Whether it is among the turns of its site.
    queued: bool,
    /// Whether it is among the idle.
    listed: bool,
}

#[derive(Debug, Default)]
struct Site {
    hosts: usize,
    /// How many of them are among the idle.
    listed: usize,
    /// Turns of its hosts.
    lanes: Both<Lane>,
}

/// A delivery that has begun.
#[derive(Debug)]
pub(crate) struct Begun {
    pub(crate) intent: IntentId,
    host: Arc<str>,
    /// What the host's was by then.
    standing: Standing,
}

impl Host {
    fn is_idle(&self) -> bool {
        self.running == 0 && self.waiting.is_empty()
    }
}

impl Backlog {
    /// With so many calls at once.
    pub(crate) fn new(places: usize) -> Self {
        Self {
            hosts: BTreeMap::new(),
            sites: BTreeMap::new(),
            lanes: Both::default(),
            idle: VecDeque::new(),
            known: BTreeSet::new(),
            places,
            running: 0,
            turn: Standing::Answering,
            room: false,
        }
    }

    pub(crate) fn holds(&self, intent: &IntentId) -> bool {
        self.known.contains(intent)
    }

    /// Whether somebody who was turned away would now be let in.
    pub(crate) fn take_room(&mut self) -> bool {
        std::mem::take(&mut self.room)
    }

    /// Lets a delivery wait, unless it does already; whether there was room.
    pub(crate) fn add(&mut self, intent: IntentId, host: &str, site: &str) -> bool {
        if self.known.contains(&intent) {
            return true;
        }
        if !self.admits(host, site) {
            return false;
        }
        self.known.insert(intent);
        let name = self.remember(host, site);
        if let Some(host) = self.hosts.get_mut(&name) {
            host.waiting.push_back(intent);
            host.gate.enter(1);
            self.lanes.of(host.standing).gate.enter(1);
            if let Some(site) = self.sites.get_mut(&host.site) {
                site.lanes.of(host.standing).gate.enter(1);
            }
        }
        self.queue(&name);
        true
    }

    /// The next delivery to begin, if there is a place for one.
    pub(crate) fn begin(&mut self) -> Option<Begun> {
        if self.running == self.places {
            return None;
        }
        let turns = [self.turn, self.turn.other()];
        let (name, standing) =
            turns.into_iter().find_map(|standing| Some((self.next(standing)?, standing)))?;
        self.turn = standing.other();
        let host = self.hosts.get_mut(&name)?;
        let intent = host.waiting.pop_front()?;
        host.running += 1;
        self.running += 1;
        self.room |= host.gate.leave(1, *HOST_WAITS.get(standing));
        self.room |= self.lanes.of(standing).begin(*ALL_WAIT.get(standing));
        let site = Arc::clone(&host.site);
        if let Some(site) = self.sites.get_mut(&site) {
            self.room |= site.lanes.of(standing).begin(*SITE_WAITS.get(standing));
        }
        self.queue(&name);
        self.queue_site(&site, standing);
        Some(Begun { intent, host: name, standing })
    }

    /// A delivery has ended, or was not begun after all; whether the host answered, if it was asked.
    pub(crate) fn end(&mut self, begun: &Begun, answered: Option<bool>) {
        let Begun { intent, host: name, standing } = begun;
        self.known.remove(intent);
        self.running -= 1;
        self.lanes.of(*standing).running -= 1;
        let Some(host) = self.hosts.get_mut(name) else { return };
        host.running -= 1;
        host.share = match answered {
            Some(true) => (host.share + 1).min(LARGEST_SHARE),
            Some(false) => SMALLEST_SHARE,
            None => host.share,
        };
        let site = Arc::clone(&host.site);
        if let Some(site) = self.sites.get_mut(&site) {
            site.lanes.of(*standing).running -= 1;
        }
        if let Some(answered) = answered {
            self.stand(name, if answered { Standing::Answering } else { Standing::Other });
        }
        self.queue(name);
        self.queue_site(&site, *standing);
        self.rest(name);
    }

    /// Whether there is room; where there is none, who was turned away is remembered.
    fn admits(&mut self, host: &str, site: &str) -> bool {
        let host = self.hosts.get_mut(host);
        let standing = host.as_ref().map_or(Standing::Other, |host| host.standing);
        host.is_none_or(|host| host.gate.admits(*HOST_WAITS.get(standing)))
            && self
                .sites
                .get_mut(site)
                .is_none_or(|site| site.lanes.of(standing).gate.admits(*SITE_WAITS.get(standing)))
            && self.lanes.of(standing).gate.admits(*ALL_WAIT.get(standing))
    }

    fn remember(&mut self, host: &str, site: &str) -> Arc<str> {
        if let Some((name, _)) = self.hosts.get_key_value(host) {
            return Arc::clone(name);
        }
        let name: Arc<str> = host.into();
        let site = self.sites.get_key_value(site).map_or_else(|| site.into(), |(site, _)| Arc::clone(site));
        self.sites.entry(Arc::clone(&site)).or_default().hosts += 1;
        let new = Host {
            site,
            standing: Standing::Other,
            waiting: VecDeque::new(),
            gate: Gate::default(),
            running: 0,
            share: SMALLEST_SHARE,
            queued: false,
            listed: false,
        };
        self.hosts.insert(Arc::clone(&name), new);
        name
    }

    /// Remembers a host that has nothing to do if it answered, for the longest of those it forgets; the others are as good as new.
    fn rest(&mut self, name: &Arc<str>) {
        let Some(host) = self.hosts.get_mut(name).filter(|host| host.is_idle() && !host.listed) else {
            return;
        };
        let site = self.sites.get_mut(&host.site);
        match site.filter(|site| host.standing == Standing::Answering && site.listed < SITE_REMEMBERED) {
            None => self.forget(name),
            Some(site) => {
                site.listed += 1;
                host.listed = true;
                self.idle.push_back(Arc::clone(name));
            }
        }
        if self.idle.len() <= MAX_REMEMBERED {
            return;
        }
        let Some(oldest) = self.idle.pop_front() else { return };
        if let Some(host) = self.hosts.get_mut(&oldest) {
            host.listed = false;
            if let Some(site) = self.sites.get_mut(&host.site) {
                site.listed -= 1;
            }
            // Where it is busy, it comes here again.
            if host.is_idle() {
                self.forget(&oldest);
            }
        }
    }

    fn forget(&mut self, name: &str) {
        let Some(host) = self.hosts.remove(name) else { return };
        if let Some(site) = self.sites.get_mut(&host.site) {
            site.hosts -= 1;
            if site.hosts == 0 {
                self.sites.remove(&host.site);
            }
        }
    }

    /// The next host in a lane that may be called. It is in no turn after that.
    fn next(&mut self, standing: Standing) -> Option<Arc<str>> {
        let most = (self.places - self.places / 5).max(1);
        loop {
            let lane = self.lanes.of(standing);
            if lane.running >= most {
                return None;
            }
            let site = lane.turns.pop_front()?;
            let Some(lane) = self.sites.get_mut(&site).map(|site| site.lanes.of(standing)) else { continue };
            lane.queued = false;
            let Some(name) = lane.turns.pop_front() else { continue };
            let Some(host) = self.hosts.get_mut(&name) else { continue };
            host.queued = false;
            if host.standing == standing && host.running < host.share {
                return Some(name);
            }
            // It stands otherwise since, or has fewer calls: in its other lane, or once a call has ended.
            self.queue(&name);
            self.queue_site(&site, standing);
        }
    }

    /// Moves a host, with all that waits for it, to where it belongs since it answered or did not.
    fn stand(&mut self, name: &str, standing: Standing) {
        let Some(host) = self.hosts.get_mut(name).filter(|host| host.standing != standing) else { return };
        let (before, waiting) = (host.standing, host.waiting.len());
        host.standing = standing;
        // Whoever was turned away before may be let in by the new measure.
        self.room |= host.gate.leave(0, *HOST_WAITS.get(standing));
        self.room |= self.lanes.of(before).gate.leave(waiting, *ALL_WAIT.get(before));
        self.lanes.of(standing).gate.enter(waiting);
        if let Some(site) = self.sites.get_mut(&host.site) {
            self.room |= site.lanes.of(before).gate.leave(waiting, *SITE_WAITS.get(before));
            site.lanes.of(standing).gate.enter(waiting);
        }
    }

    /// Gives a host its turn if something waits for it and its share is not used up.
    fn queue(&mut self, name: &Arc<str>) {
        let Some(host) = self.hosts.get_mut(name) else { return };
        if host.queued || host.waiting.is_empty() || host.running >= host.share {
            return;
        }
        let (standing, site) = (host.standing, Arc::clone(&host.site));
        if let Some(known) = self.sites.get_mut(&site) {
            host.queued = true;
            known.lanes.of(standing).turns.push_back(Arc::clone(name));
            self.queue_site(&site, standing);
        }
    }

    /// Gives a site its turn if one of its hosts has one and the site's share is not used up.
    fn queue_site(&mut self, site: &Arc<str>, standing: Standing) {
        let Some(lane) = self.sites.get_mut(site).map(|site| site.lanes.of(standing)) else { return };
        if !lane.queued && !lane.turns.is_empty() && lane.running < *SITE_SHARE.get(standing) {
            lane.queued = true;
            self.lanes.of(standing).turns.push_back(Arc::clone(site));
        }
    }
}

#[cfg(test)]
mod tests;
