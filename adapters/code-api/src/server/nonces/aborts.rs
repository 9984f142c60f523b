use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use crate::key::PublicKey;

/// How long an owner is remembered who took nonces and did not pay.
const MEMORY: Duration = Duration::from_secs(60);

/// The most that are remembered; behind these the oldest is forgotten. Some 2 MiB.
const MAX_ABORTS: usize = 16_384;

/// Who took nonces lately and did not pay.
#[derive(Debug, Default)]
pub(super) struct Aborts {
    latest: HashMap<PublicKey, Instant>,
    /// In order of time, an owner's older ones included.
    order: VecDeque<(Instant, PublicKey)>,
}

impl Aborts {
    pub(super) fn remember(&mut self, owner: PublicKey, now: Instant) {
        self.latest.insert(owner, now);
        self.order.push_back((now, owner));
        while let Some((at, oldest)) = self.order.front().copied()
            && (self.order.len() > MAX_ABORTS || now.duration_since(at) >= MEMORY)
        {
            self.order.pop_front();
            if self.latest.get(&oldest) == Some(&at) {
                self.latest.remove(&oldest);
            }
        }
    }

    pub(super) fn has(&self, owner: &PublicKey, now: Instant) -> bool {
        self.latest.get(owner).is_some_and(|at| now.duration_since(*at) < MEMORY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(n: usize) -> PublicKey {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&(n as u64).to_le_bytes());
        PublicKey(key)
    }

    /// Lost if this fails: who does not pay is taken for somebody who does, or is never forgiven.
    #[test]
    fn an_owner_who_does_not_pay_is_remembered_for_a_minute() {
        let (mut aborts, start) = (Aborts::default(), Instant::now());
        let after = |seconds| start + Duration::from_secs(seconds);
        aborts.remember(owner(1), start);
        aborts.remember(owner(2), start);
        assert!(aborts.has(&owner(1), after(59)) && !aborts.has(&owner(3), after(59)));
        aborts.remember(owner(1), after(59));
        assert!(aborts.has(&owner(1), after(118)) && !aborts.has(&owner(2), after(60)));
        aborts.remember(owner(3), after(119));
        assert_eq!((aborts.latest.len(), aborts.order.len()), (1, 1), "what is over is kept");
        for n in 0..MAX_ABORTS + 7 {
            aborts.remember(owner(n), after(120));
        }
        assert_eq!((aborts.latest.len(), aborts.order.len()), (MAX_ABORTS, MAX_ABORTS));
        assert!(!aborts.has(&owner(6), after(120)) && aborts.has(&owner(7), after(120)));
    }
}
