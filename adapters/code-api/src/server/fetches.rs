use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::key::PublicKey;
use crate::status::{Code, Status};

/// How many pages are fetched for one owner in [`WINDOW`].
const MAX_FETCHES: usize = 20;

const WINDOW: Duration = Duration::from_secs(60);

/// The owners whose fetches are counted at one time. Where there are more, the others wait.
const MAX_OWNERS: usize = 4096;

/// How much owners make the node fetch lately: some other machine pays for each.
#[derive(Debug, Clone, Default)]
pub(super) struct Fetches(Arc<Mutex<HashMap<PublicKey, Count>>>);

#[derive(Debug)]
struct Count {
    since: Instant,
    fetches: usize,
}

impl Fetches {
    /// Counts one more.
    ///
    /// # Errors
    /// `resource_exhausted` when the owner has had as many as it may.
    pub(super) fn count(&self, owner: PublicKey) -> Result<(), Status> {
        let now = Instant::now();
        // Nothing panics while it is held.
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.len() >= MAX_OWNERS && !counts.contains_key(&owner) {
            counts.retain(|_, count| now.duration_since(count.since) < WINDOW);
            if counts.len() >= MAX_OWNERS {
                return Err(too_many());
            }
        }
        let count = counts.entry(owner).or_insert(Count { since: now, fetches: 0 });
        if now.duration_since(count.since) >= WINDOW {
            *count = Count { since: now, fetches: 0 };
        }
        if count.fetches >= MAX_FETCHES {
            return Err(too_many());
        }
        count.fetches += 1;
        Ok(())
    }
}

fn too_many() -> Status {
    let seconds = WINDOW.as_secs();
    let text =
        format!("expected at most {MAX_FETCHES} new links of one owner in {seconds} s; try again later");
    Status::new(Code::ResourceExhausted, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lost if this fails: one owner makes the node fetch without end, or all others cannot make links meanwhile.
    #[tokio::test(start_paused = true)]
    async fn an_owner_has_so_many_fetches_a_minute() {
        let fetches = Fetches::default();
        let key = |n: usize| {
            let mut key = [0; 32];
            key[..8].copy_from_slice(&(n as u64).to_le_bytes());
            PublicKey(key)
        };
        let allowed = |n: usize| (0..100).take_while(|_| fetches.count(key(n)).is_ok()).count();
        assert_eq!((allowed(0), allowed(1), allowed(0)), (20, 20, 0));
        tokio::time::advance(Duration::from_secs(61)).await;
        assert_eq!(allowed(0), 20);
        for n in 2..=MAX_OWNERS {
            assert_eq!(fetches.count(key(n)), Ok(()), "the second owner's minute is over");
        }
        assert_eq!(fetches.count(key(MAX_OWNERS + 1)), Err(too_many()), "memory has an end");
        tokio::time::advance(Duration::from_secs(61)).await;
        assert_eq!(allowed(MAX_OWNERS + 1), 20);
    }
}
