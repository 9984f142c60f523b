use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// So many at a time under each name, and any number of names. Only names that are in use take room. Clones share their places.
#[derive(Clone, Debug)]
pub struct Places {
    most: usize,
    taken: Arc<Mutex<HashMap<String, Arc<Semaphore>>>>,
}

/// One place. Dropping it lets the next one in.
#[derive(Debug)]
pub struct Place {
    taken: Arc<Mutex<HashMap<String, Arc<Semaphore>>>>,
    name: String,
    permit: Option<OwnedSemaphorePermit>,
}

impl Places {
    /// `most` places under each name; at least one.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { most: most.clamp(1, Semaphore::MAX_PERMITS), taken: Arc::default() }
    }

    /// Waits for a place, in order, but no longer than `patience`. `None` when there was none.
    pub async fn enter(&self, name: &str, patience: Duration) -> Option<Place> {
        let places = {
            // Nothing panics while it is held.
            let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(taken.entry(name.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(self.most))))
        };
        // Before the wait, so that a waiter that is dropped tidies up too.
        let mut place = Place { taken: Arc::clone(&self.taken), name: name.to_owned(), permit: None };
        // Nobody closes it.
        place.permit = tokio::time::timeout(patience, places.acquire_owned()).await.ok()?.ok();
        place.permit.is_some().then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        self.permit = None;
        // The map's own is the last: nobody has a place or waits for one.
        if taken.get(&self.name).is_some_and(|places| Arc::strong_count(places) == 1) {
            taken.remove(&self.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_millis(20);

    #[tokio::test]
    async fn a_name_has_so_many_places_and_leaves_nothing_behind() {
        let places = Places::new(2);
        let (one, two) = (places.enter("a.example", SOON).await, places.enter("a.example", SOON).await);
        assert!(one.is_some() && two.is_some());
        assert!(places.enter("a.example", SOON).await.is_none(), "a third does not wait");
        let elsewhere = places.enter("b.example", SOON).await;
        assert!(elsewhere.is_some());
        drop(one);
        let three = places.enter("a.example", SOON).await;
        assert!(three.is_some());
        drop((two, three, elsewhere));
        assert!(places.taken.lock().unwrap().is_empty(), "every name ever used is kept");
    }
}
