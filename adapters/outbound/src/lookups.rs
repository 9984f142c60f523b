use std::collections::HashSet;
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

use crate::places::{Place, Places};
use crate::target::site;

/// Names that are remembered at least, once they were found.
const MAX_FOUND: usize = 4096;

/// A look-up's place among those under way. To be held until the look-up has ended, also when nobody waits for it any more:
/// dropping it lets another one begin.
#[derive(Debug)]
pub struct Lookup {
    _all: OwnedSemaphorePermit,
    _stranger: Option<(OwnedSemaphorePermit, Place)>,
}

/// How many look-ups may be under way: in all, and of names that were not found yet, or not the last time. Of those, few belong to
/// one site. One that hangs cannot be taken back, and whoever makes theirs hang must not use up everybody's.
#[derive(Debug)]
pub(crate) struct Lookups {
    all: Arc<Semaphore>,
    strangers: Arc<Semaphore>,
    sites: Places,
    found: Arc<Found>,
}

/// Names that were found when they were last looked up: twice as many as fit, the older half of which is forgotten at a time.
#[derive(Debug, Default)]
pub(crate) struct Found(Mutex<[HashSet<String>; 2]>);

impl Lookups {
    pub(crate) fn new(all: usize, strangers: usize, per_site: usize, found: &Arc<Found>) -> Self {
        Self {
            all: Arc::new(Semaphore::new(all)),
            strangers: Arc::new(Semaphore::new(strangers)),
            sites: Places::new(per_site),
            found: Arc::clone(found),
        }
    }

    /// Waits for a place, but no longer than `patience`. `None` when there was none.
    pub(crate) async fn begin(&self, host: &str, patience: Duration) -> Option<Lookup> {
        let until = Instant::now() + patience;
        // Nobody closes them.
        let permit = async |of: &Arc<Semaphore>| {
            timeout_at(until, Arc::clone(of).acquire_owned()).await.ok().and_then(Result::ok)
        };
        let stranger = if self.found.holds(host) {
            None
        } else {
            // The site's first: who waits for that one keeps nobody else waiting.
            let place = self.sites.enter(site(host), patience).await?;
            Some((permit(&self.strangers).await?, place))
        };
        Some(Lookup { _all: permit(&self.all).await?, _stranger: stranger })
    }

    /// Remembers how a look-up ends: as one that found nothing, unless it says otherwise.
    pub(crate) fn watch<'a>(&'a self, host: &'a str) -> Watched<'a> {
        Watched { names: &self.found, host, found: false }
    }
}

/// A look-up under way, whose end is remembered also when nobody waits for it any more.
pub(crate) struct Watched<'a> {
    names: &'a Found,
    host: &'a str,
    pub(crate) found: bool,
}

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        self.names.set(self.host, self.found);
    }
}

impl Found {
    fn holds(&self, host: &str) -> bool {
        // Nothing panics while it is held.
        let names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        names.iter().any(|names| names.contains(host))
    }

    fn set(&self, host: &str, found: bool) {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let [recent, older] = &mut *names;
        if found {
            if recent.len() >= MAX_FOUND {
                *older = mem::take(recent);
            }
            recent.insert(host.to_owned());
        } else {
            recent.remove(host);
            older.remove(host);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_millis(20);

    #[tokio::test]
    async fn names_that_were_found_wait_for_no_stranger_and_strangers_of_one_site_for_each_other_alone() {
        let found = Arc::new(Found::default());
        let lookups = Lookups::new(6, 4, 2, &found);
        let mut hung = Vec::new();
        for n in 0..9 {
            hung.extend(lookups.begin(&format!("r{n}.evil.example"), SOON).await);
        }
        assert_eq!(hung.len(), 2, "one site's");
        for n in 0..9 {
            hung.extend(lookups.begin(&format!("www.evil-{n}.example"), SOON).await);
        }
        assert_eq!(hung.len(), 4, "strangers'");
        lookups.watch("shop.evil.example").found = true;
        assert!(lookups.begin("shop.evil.example", SOON).await.is_some());
        drop(lookups.watch("shop.evil.example"));
        assert!(lookups.begin("shop.evil.example", SOON).await.is_none(), "it hangs now, too");
        hung.clear();
        assert!(lookups.begin("shop.evil.example", SOON).await.is_some());
    }

    #[test]
    fn a_name_that_is_found_often_is_not_forgotten_for_many_that_are_not() {
        let found = Found::default();
        for n in 0..MAX_FOUND * 8 {
            found.set(&format!("{n}.example"), true);
            if n % 1_000 == 0 {
                found.set("shop.example", true);
            }
            assert!(found.holds("shop.example"), "after {n}");
        }
        let kept: usize = found.0.lock().unwrap().iter().map(HashSet::len).sum();
        assert!(kept <= 2 * MAX_FOUND, "{kept}");
    }
}
