//! Addresses that nobody has a key for: hashes of a program's name and some seeds (protocol d.8).

use ed25519_dalek::VerifyingKey;
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::key::PublicKey;

/// The kin token.
pub const KIN_MINT: PublicKey = key("kinXdEcpDQeHPEuQnqmUgtYykqKGVFq6CeVX5iAHJq6");
/// The program whose vaults hold what users own, locked by the time authority.
pub const TIMELOCK_PROGRAM: PublicKey = key("time2Z2SCnn3qYg3ULKVtdkh8YmZ5jFdKicnA1W2YnJ");
/// The program behind private transfers.
pub const SPLITTER_PROGRAM: PublicKey = key("spLit2eb13Tz93if6aJM136nUWki5PVUsoEjcUjwpwW");
/// The program that puts a text beside a transfer.
pub const MEMO_PROGRAM: PublicKey = key("Memo1UhkJRfHyvLMcVucJwxXeuD728EqVDDwQDxFMNo");
/// Solana's token program.
pub const TOKEN_PROGRAM: PublicKey = key("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA");
/// Solana's system program: 32 zero bytes.
pub const SYSTEM_PROGRAM: PublicKey = PublicKey([0; 32]);
/// Where a durable nonce's program reads recent block hashes.
pub const RECENT_BLOCKHASHES: PublicKey = key("SysvarRecentB1ockHashes11111111111111111111");
/// Where programs read what an account has to hold to be kept.
pub const RENT: PublicKey = key("SysvarRent111111111111111111111111111111111");

/// The most seeds of one address; the bump counts as one (Solana's runtime).
pub const MAX_SEEDS: usize = 16;
/// The longest seed (Solana's runtime).
pub const MAX_SEED_LEN: usize = 32;

/// How many days a time lock lasts, as a seed of its address.
const DAYS_LOCKED: u8 = 21;
/// The version of a time lock's data, as a seed of its vault's address.
const DATA_VERSION: u8 = 3;

/// An address that a program owns, and what had to be added to the seeds to get off the curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Derived {
    /// 32 bytes that are no ed25519 key.
    pub address: PublicKey,
    /// The largest byte with which they are not.
    pub bump: u8,
}

/// Why seeds name no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum DeriveError {
    /// More than [`MAX_SEEDS`], the bump counted.
    #[error("seeds: expected fewer than {MAX_SEEDS}, as the bump counts as one; got {0}")]
    TooMany(usize),
    /// More than [`MAX_SEED_LEN`] bytes.
    #[error("seeds[{index}]: expected at most {MAX_SEED_LEN} bytes, got {got}")]
    TooLong {
        /// Which seed.
        index: usize,
        /// Its length.
        got: usize,
    },
    /// Every one of 256 hashes is a key. About one set of seeds in 2^256.
    #[error("seeds: expected a bump with which they are no key, there is none")]
    OnCurve,
}

/// The address that a program derives from seeds: the SHA-256 of all seeds, a bump, the program and a constant text, with the
/// largest bump for which nobody can hold a key.
///
/// # Errors
///
/// When there are too many seeds, one is too long, or none of the 256 hashes will do.
pub fn derive(program: PublicKey, seeds: &[&[u8]]) -> Result<Derived, DeriveError> {
    if seeds.len() >= MAX_SEEDS {
        return Err(DeriveError::TooMany(seeds.len()));
    }
    if let Some((index, seed)) = seeds.iter().enumerate().find(|(_, seed)| seed.len() > MAX_SEED_LEN) {
        return Err(DeriveError::TooLong { index, got: seed.len() });
    }
    let mut hasher = Sha256::new();
    for seed in seeds {
        hasher.update(seed);
    }
    for bump in (0..=u8::MAX).rev() {
        let mut hasher = hasher.clone();
        hasher.update([bump]);
        hasher.update(program.0);
        hasher.update(b"ProgramDerivedAddress");
        let address: [u8; 32] = hasher.finalize().into();
        if VerifyingKey::from_bytes(&address).is_err() {
            return Ok(Derived { address: PublicKey(address), bump });
        }
    }
    Err(DeriveError::OnCurve)
}

/// The time lock over what one authority owns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timelock {
    /// Where the program keeps the lock's data.
    pub state: Derived,
    /// The token account that the lock is on: the address to pay to.
    pub vault: Derived,
}

impl Timelock {
    /// The lock of an authority's account on the node whose key is the time authority.
    pub fn of(authority: PublicKey, time_authority: PublicKey) -> Self {
        let seeds: [&[u8]; 5] =
            [b"timelock_state", &KIN_MINT.0, &time_authority.0, &authority.0, &[DAYS_LOCKED]];
        let state = known(TIMELOCK_PROGRAM, &seeds);
        let vault = known(TIMELOCK_PROGRAM, &[b"timelock_vault", &state.address.0, &[DATA_VERSION]]);
        Self { state, vault }
    }
}

/// A treasury's account, by its name of at most 32 bytes.
///
/// # Errors
///
/// When the name is longer.
pub fn pool(authority: PublicKey, name: &str) -> Result<Derived, DeriveError> {
    derive(SPLITTER_PROGRAM, &[b"pool_state", &KIN_MINT.0, &authority.0, name.as_bytes()])
}

/// Where a treasury keeps its kin.
pub fn pool_vault(pool: PublicKey) -> Derived {
    known(SPLITTER_PROGRAM, &[b"pool_vault", &pool.0])
}

/// A treasury's promise to a private transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Commitment<'a> {
    /// The treasury's account.
    pub pool: PublicKey,
    /// A root of the treasury's tree of promises.
    pub recent_root: &'a [u8; 32],
    /// From [`transcript`].
    pub transcript: &'a [u8; 32],
    /// Whom the treasury pays.
    pub destination: PublicKey,
    /// How much, in quarks.
    pub amount: u64,
}

impl Commitment<'_> {
    /// The promise's own address.
    pub fn state(&self) -> Derived {
        let amount = self.amount.to_le_bytes();
        let Self { pool, recent_root, transcript, destination, .. } = *self;
        let seeds: [&[u8]; 6] =
            [b"commitment_state", &pool.0, recent_root, transcript, &destination.0, &amount];
        known(SPLITTER_PROGRAM, &seeds)
    }
}

/// Where the payer pays a treasury back.
pub fn commitment_vault(pool: PublicKey, commitment: PublicKey) -> Derived {
    known(SPLITTER_PROGRAM, &[b"commitment_vault", &pool.0, &commitment.0])
}

/// What a treasury's promise is about, hashed.
pub fn transcript(
    intent: PublicKey,
    action: u32,
    quarks: u64,
    source: PublicKey,
    destination: PublicKey,
) -> [u8; 32] {
    let text =
        format!("receipt[{intent}, {action}]: transfer {quarks} quarks from {source} to {destination}");
    Sha256::digest(text).into()
}

/// An address whose seeds are few and short.
fn known(program: PublicKey, seeds: &[&[u8]]) -> Derived {
    derive(program, seeds).expect("few short seeds; none of 256 hashes off the curve is one case in 2^256")
}

const fn key(text: &str) -> PublicKey {
    PublicKey(bs58::decode(text.as_bytes()).into_array_const_unwrap())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::key::KeyPair;

    #[test]
    fn seeds_that_no_program_would_take_are_refused_with_their_number() {
        let program = TIMELOCK_PROGRAM;
        let long = [0_u8; MAX_SEED_LEN + 1];
        assert_eq!(derive(program, &[b"a", &long]), Err(DeriveError::TooLong { index: 1, got: 33 }));
        assert_eq!(derive(program, &[b"".as_slice(); MAX_SEEDS]), Err(DeriveError::TooMany(MAX_SEEDS)));
        assert!(derive(program, &[&long[1..]; MAX_SEEDS - 1]).is_ok());
        assert_eq!(
            pool(program, &"x".repeat(33)).unwrap_err().to_string(),
            "seeds[3]: expected at most 32 bytes, got 33"
        );
    }

    proptest! {
        #[test]
        fn no_account_can_be_opened_with_a_key_and_each_node_has_its_own(authority: [u8; 32], node: [u8; 32]) {
            let (authority, node) = (KeyPair::from_seed(&authority).public_key(), PublicKey(node));
            let Timelock { state, vault } = Timelock::of(authority, node);
            for Derived { address, .. } in [state, vault] {
                prop_assert!(VerifyingKey::from_bytes(&address.0).is_err());
            }
            prop_assert_ne!(state.address, vault.address);
            let elsewhere = Timelock::of(authority, authority);
            prop_assert!(node == authority || elsewhere.vault != vault);
        }
    }
}
