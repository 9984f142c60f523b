//! What a merchant signs to give back what was paid.

use alloc::vec::Vec;

use crate::ids::{AccountId, IdempotencyKey, IntentId, NodeId, TransactionId};
use crate::money::Quarks;

/// Quarks that go back from a payment's destination to its payer, whole or part. Signed by the destination's key over
/// [`Refund::signing_bytes`].
///
/// All refunds of a payment together are at most what the payer paid. Fees are not given back by those who took them: the
/// destination pays the whole refund out of what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refund {
    /// The sequencer that may carry it out.
    pub node: NodeId,
    /// The intent whose payment is given back.
    pub intent: IntentId,
    /// Who gives: the intent's destination, whose public key signs.
    pub merchant: AccountId,
    /// Makes it happen once.
    pub key: IdempotencyKey,
    /// How many; more than zero.
    pub quarks: Quarks,
}

impl Refund {
    /// The bytes the merchant signs: domain separated, versioned, one encoding per value.
    ///
    /// Layout: `quittance.refund` 0x01, node, intent, merchant, key (32 bytes each), quarks (u64, little endian).
    #[must_use]
    pub fn signing_bytes(&self) -> Vec<u8> {
        let Self { node, intent, merchant, key, quarks } = self;
        let parts = [b"quittance.refund\x01".as_slice(), &node.0, &intent.0, &merchant.0, &key.0];
        [parts.concat().as_slice(), &quarks.get().to_le_bytes()].concat()
    }

    /// The transaction that carries it out. Keyed by intent and key, not by the amount: the same key with another amount
    /// names the same transaction, so it can never pay twice.
    #[must_use]
    pub fn transaction(&self) -> TransactionId {
        let mut hasher = blake3::Hasher::new_derive_key("quittance 2026-11 refund transaction id v1");
        hasher.update(&self.intent.0);
        hasher.update(&self.key.0);
        TransactionId(*hasher.finalize().as_bytes())
    }
}
