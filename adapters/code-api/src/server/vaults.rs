use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::inbox::blocking;
use crate::key::PublicKey;
use crate::solana::address::Timelock;
use crate::status::Status;

/// The most addresses that are remembered, some 100 bytes each. When there are as many, all are forgotten: they can be derived
/// again.
const MAX_VAULTS: usize = 16_384;

/// Where the accounts of this node's users are. Deriving one address takes as long as checking some signatures, and one answer
/// can have hundreds.
#[derive(Debug, Clone)]
pub(super) struct Vaults(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    time_authority: PublicKey,
    known: Mutex<HashMap<PublicKey, PublicKey>>,
}

impl Vaults {
    pub(super) fn new(time_authority: PublicKey) -> Self {
        Self(Arc::new(Shared { time_authority, known: Mutex::default() }))
    }

    /// The address of each authority's vault, in the same order. What is not known is derived off the threads that serve sockets.
    pub(super) async fn of(&self, authorities: Vec<PublicKey>) -> Result<Vec<PublicKey>, Status> {
        if let Some(known) = self.recall(&authorities) {
            return Ok(known);
        }
        let this = self.clone();
        blocking(move || Ok(authorities.into_iter().map(|authority| this.derive(authority)).collect())).await
    }

    /// All of them, if all are known.
    fn recall(&self, authorities: &[PublicKey]) -> Option<Vec<PublicKey>> {
        let known = self.known();
        authorities.iter().map(|authority| known.get(authority).copied()).collect()
    }

    fn derive(&self, authority: PublicKey) -> PublicKey {
        if let Some(vault) = self.known().get(&authority) {
            return *vault;
        }
        let vault = Timelock::of(authority, self.0.time_authority).vault.address;
        let mut known = self.known();
        if known.len() >= MAX_VAULTS {
            known.clear();
        }
        known.insert(authority, vault);
        vault
    }

    fn known(&self) -> MutexGuard<'_, HashMap<PublicKey, PublicKey>> {
        // Nothing panics while it is held.
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lost if this fails: an app shows its user an address at which nothing arrives, or asking is as dear the second time.
    #[tokio::test]
    async fn a_vault_is_derived_once_and_is_the_right_one() {
        let node = PublicKey([7; 32]);
        let vaults = Vaults::new(node);
        let authorities: Vec<_> = (0..5).map(|n| PublicKey([n; 32])).collect();
        let right = |authority: &PublicKey| Timelock::of(*authority, node).vault.address;
        assert_eq!(vaults.recall(&authorities), None);
        let derived = vaults.of(authorities.clone()).await.expect("addresses");
        assert_eq!(derived, authorities.iter().map(right).collect::<Vec<_>>());
        assert_eq!(vaults.recall(&authorities), Some(derived));
        let backwards: Vec<_> = authorities.iter().rev().copied().collect();
        assert_eq!(vaults.of(backwards.clone()).await, Ok(backwards.iter().map(right).collect()));
    }

    #[test]
    fn only_so_many_are_remembered() {
        let vaults = Vaults::new(PublicKey([7; 32]));
        let key = |n: usize| {
            let mut key = [0; 32];
            key[..8].copy_from_slice(&(n as u64).to_le_bytes());
            PublicKey(key)
        };
        vaults.known().extend((0..MAX_VAULTS).map(|n| (key(n), key(0))));
        vaults.derive(key(MAX_VAULTS));
        assert_eq!(vaults.known().len(), 1);
    }
}
