use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use quittance_core::ids::IntentId;

/// Intents share a slot by the bytes of their id, and strangers who name an intent share its places with its own people: a place
/// is taken before a signature is checked, because checking is what is scarce.
const SLOTS: usize = 4096;

/// How many requests of each intent wait in front of the sequencer, so that no intent takes the queue from all the others.
pub(crate) struct Turns {
    waiting: Box<[AtomicUsize]>,
    most: usize,
}

/// One request's place in the queue. Dropping it gives the place back.
pub(crate) struct Turn {
    turns: Arc<Turns>,
    slot: usize,
}

impl Turns {
    /// For a queue of `queue` requests: one intent may take a sixteenth of it, and always at least 8 places.
    pub(crate) fn for_queue(queue: usize) -> Self {
        let waiting = (0..SLOTS).map(|_| AtomicUsize::new(0)).collect();
        Self { waiting, most: (queue / 16).max(8) }
    }

    /// A place for a request about an intent; `None` when its share is taken.
    pub(crate) fn take(self: &Arc<Self>, intent: &IntentId) -> Option<Turn> {
        let [high, low, ..] = intent.0;
        let slot = usize::from(u16::from_be_bytes([high, low])) % SLOTS;
        let waiting = self.waiting.get(slot)?;
        if waiting.fetch_add(1, Ordering::Relaxed) >= self.most {
            waiting.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        Some(Turn { turns: Arc::clone(self), slot })
    }

    /// The most requests of one intent.
    pub(crate) fn most(&self) -> usize {
        self.most
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(waiting) = self.turns.waiting.get(self.slot) {
            waiting.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl fmt::Debug for Turns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turns").field("most", &self.most).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_intent_that_asks_without_end_leaves_the_queue_to_the_others() {
        let turns = Arc::new(Turns::for_queue(1024));
        let (busy, other) = (IntentId([7; 32]), IntentId([8; 32]));
        let taken: Vec<_> = (0..1_000).filter_map(|_| turns.take(&busy)).collect();
        assert_eq!(taken.len(), 64, "one intent can fill the queue");
        assert!(turns.take(&other).is_some(), "another intent waits for it");
        drop(taken);
        assert_eq!(
            (0..1_000).filter_map(|_| turns.take(&busy)).count(),
            1_000,
            "places given back stay taken"
        );
        assert_eq!(Turns::for_queue(1).most(), 8);
    }
}
