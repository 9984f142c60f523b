//! What an account's owner signs to take quarks out.

use alloc::string::String;
use alloc::vec::Vec;

use crate::ids::{AccountId, IdempotencyKey, NodeId, TransactionId};
use crate::money::Quarks;

/// The longest address outside, in bytes.
pub const MAX_TO_BYTES: usize = 128;

/// Quarks that leave the engine's accounts. Signed by the account's key over [`Withdrawal::signing_bytes`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withdrawal {
    /// The sequencer that may carry it out.
    pub node: NodeId,
    /// Whose account, whose public key signs.
    pub account: AccountId,
    /// Makes it happen once.
    pub key: IdempotencyKey,
    /// How many; more than zero.
    pub quarks: Quarks,
    /// Where they go, in the words of whoever carries it out; at most [`MAX_TO_BYTES`].
    pub to: String,
}

impl Withdrawal {
    /// The bytes the owner signs: domain separated, versioned, one encoding per value.
    ///
    /// Layout: `quittance.withdrawal` 0x01, node, account, key (32 bytes each), quarks (u64, little endian), then the address,
    /// which ends where the bytes end.
    #[must_use]
    pub fn signing_bytes(&self) -> Vec<u8> {
        let Self { node, account, key, quarks, to } = self;
        let parts = [b"quittance.withdrawal\x01".as_slice(), &node.0, &account.0, &key.0];
        [parts.concat().as_slice(), &quarks.get().to_le_bytes(), to.as_bytes()].concat()
    }

    /// The transaction that carries it out. Keyed by account and key, not by the amount: the same key with another amount
    /// names the same transaction, so it can never pay twice.
    #[must_use]
    pub fn transaction(&self) -> TransactionId {
        let mut hasher = blake3::Hasher::new_derive_key("quittance 2026-11 withdrawal transaction id v1");
        hasher.update(&self.account.0);
        hasher.update(&self.key.0);
        TransactionId(*hasher.finalize().as_bytes())
    }
}
