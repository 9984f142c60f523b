use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use quittance_core::ids::IntentId;

/// The deliveries that are being called or given up just now, each by one of the two: what a server takes must not be on record
/// as given up.
#[derive(Debug, Default)]
pub(crate) struct Taken(Mutex<BTreeSet<IntentId>>);

/// One of them. Dropping it lets the next one at it.
#[derive(Debug)]
pub(crate) struct Hold<'a> {
    taken: &'a Taken,
    intent: IntentId,
}

impl Taken {
    /// `None` when somebody is at it.
    pub(crate) fn take(&self, intent: IntentId) -> Option<Hold<'_>> {
        // Nothing panics while it is held.
        let new = self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(intent);
        new.then_some(Hold { taken: self, intent })
    }
}

impl Drop for Hold<'_> {
    fn drop(&mut self) {
        self.taken.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.intent);
    }
}
