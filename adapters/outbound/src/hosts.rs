use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many calls are under way to each host. Only hosts that are being called take room.
#[derive(Debug)]
pub(crate) struct Hosts {
    most: usize,
    busy: Mutex<HashMap<String, Arc<Semaphore>>>,
}

/// One call's place. Dropping it lets the next one go.
pub(crate) struct Place<'a> {
    hosts: &'a Hosts,
    host: &'a str,
    permit: Option<OwnedSemaphorePermit>,
}

impl Hosts {
    pub(crate) fn new(most: usize) -> Self {
        Self { most: most.clamp(1, Semaphore::MAX_PERMITS), busy: Mutex::default() }
    }

    /// Waits for a place. The caller bounds the wait.
    pub(crate) async fn enter<'a>(&'a self, host: &'a str) -> Place<'a> {
        let places = {
            let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(busy.entry(host.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(self.most))))
        };
        // Before the wait, so that a waiter that is dropped tidies up too.
        let mut place = Place { hosts: self, host, permit: None };
        // Nobody closes it.
        place.permit = places.acquire_owned().await.ok();
        place
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut busy = self.hosts.busy.lock().unwrap_or_else(PoisonError::into_inner);
        self.permit = None;
        // The map's own is the last: nobody calls or waits.
        if busy.get(self.host).is_some_and(|places| Arc::strong_count(places) == 1) {
            busy.remove(self.host);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_host_takes_so_many_calls_and_leaves_nothing_behind() {
        let hosts = Hosts::new(2);
        let (one, two) = (hosts.enter("a.example").await, hosts.enter("a.example").await);
        let waits = tokio::time::timeout(std::time::Duration::from_millis(20), hosts.enter("a.example"));
        assert!(waits.await.is_err(), "a third call does not wait");
        let elsewhere = hosts.enter("b.example").await;
        drop(one);
        let three = hosts.enter("a.example").await;
        drop((two, three, elsewhere));
        assert!(hosts.busy.lock().unwrap().is_empty(), "every host ever called is kept");
    }
}
