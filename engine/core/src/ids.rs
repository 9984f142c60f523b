//! Names of things: fixed-size keys, positions and points in time.

use alloc::string::String;
use core::cmp::Ordering;
use core::fmt;
use core::str::FromStr;
use core::time::Duration;

use crate::state::Sharded;

/// Why a text is not a key: it is not base58, or not of the right length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseKeyError {
    what: &'static str,
    expected_bytes: usize,
    got: Got,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Got {
    Bytes(usize),
    NotBase58,
}

impl fmt::Display for ParseKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} must be base58 of {} bytes, got ", self.what, self.expected_bytes)?;
        match self.got {
            Got::Bytes(n) => write!(f, "{n} bytes"),
            Got::NotBase58 => f.write_str("text that is not base58"),
        }
    }
}

impl core::error::Error for ParseKeyError {}

fn parse<const N: usize>(what: &'static str, text: &str) -> Result<[u8; N], ParseKeyError> {
    let error = |got| ParseKeyError { what, expected_bytes: N, got };
    let mut bytes = [0; N];
    // A text longer than this cannot be N bytes; refusing it first keeps the quadratic decoder off long input.
    if text.len() > N * 138 / 100 + 2 {
        return Err(error(Got::Bytes(text.len() * 100 / 138)));
    }
    match bs58::decode(text).into_vec() {
        Ok(decoded) if decoded.len() == N => {
            bytes.copy_from_slice(&decoded);
            Ok(bytes)
        }
        Ok(decoded) => Err(error(Got::Bytes(decoded.len()))),
        Err(_) => Err(error(Got::NotBase58)),
    }
}

macro_rules! key {
    ($(#[$doc:meta])* $name:ident, $bytes:literal, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash)]
        pub struct $name(pub [u8; $bytes]);

        impl Ord for $name {
            // The order of the bytes. Nearly always the first eight decide, and comparing them is one instruction instead of a
            // call: the sequencer spends a good part of its time on looking keys up.
            fn cmp(&self, other: &Self) -> Ordering {
                let head = |key: &Self| key.0.first_chunk().map(|first| u64::from_be_bytes(*first));
                head(self).cmp(&head(other)).then_with(|| self.0.cmp(&other.0))
            }
        }

        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let text: String = bs58::encode(&self.0).into_string();
                f.pad(&text)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = ParseKeyError;
            fn from_str(text: &str) -> Result<Self, ParseKeyError> {
                parse($what, text).map(Self)
            }
        }

        impl Sharded for $name {
            fn first_byte(&self) -> u8 {
                self.0[0]
            }
        }
    };
}

key!(
    /// An intent, named by its rendezvous public key (ed25519, RFC 8032). Whoever has seen the intent's code holds the
    /// private half, so a rendezvous signature says "has seen the code" and nothing more.
    IntentId, 32, "intent id"
);
key!(
    /// An account that holds quarks. A payer's account is its ed25519 public key; a destination may be any 32 bytes.
    AccountId, 32, "account"
);
key!(
    /// A sequencer, named by its ed25519 public key. It is in the first record of the log and in every payment a payer
    /// signs, so that a signature made for one sequencer is worth nothing on another.
    NodeId, 32, "node id"
);
key!(
    /// A transaction on a rail, derived from the payer's signed payment: asking twice names the same transaction.
    TransactionId, 32, "transaction id"
);
key!(
    /// A BLAKE3 hash of a frame; each frame carries the one before it.
    ChainHash, 32, "chain hash"
);
key!(
    /// An ed25519 signature.
    Signature, 64, "signature"
);
key!(
    /// What makes a deposit happen once: the second deposit with the same key is the first one's answer.
    DepositKey, 32, "deposit key"
);
key!(
    /// What makes a refund or a withdrawal happen once. Chosen by whoever signs it, and part of what is signed.
    IdempotencyKey, 32, "idempotency key"
);

impl DepositKey {
    /// The key for a caller's own words, of any length.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("quittance 2026-11 deposit key v1");
        hasher.update(text.as_bytes());
        Self(*hasher.finalize().as_bytes())
    }
}

impl IdempotencyKey {
    /// The key for a caller's own words, of any length.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("quittance 2026-11 idempotency key v1");
        hasher.update(text.as_bytes());
        Self(*hasher.finalize().as_bytes())
    }
}

impl ChainHash {
    /// What the first frame of a log links to.
    pub const GENESIS: Self = Self([0; 32]);
}

/// A record's place in the whole log: gapless from 1. Zero is "before the first record".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(pub u64);

impl Position {
    /// Before the first record.
    pub const START: Self = Self(0);

    /// The position after this one.
    #[must_use]
    pub fn next(self) -> Self {
        // 2^64 records at a billion a second take 584 years.
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A record's place in one intent's own history: 0 for its creation, then gapless.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub u32);

impl Revision {
    /// The revision after this one.
    pub(crate) fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One attempt to carry out a transaction: 1 for the first, then gapless. With the transaction's id it names the attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttemptNumber(pub u16);

impl AttemptNumber {
    /// The first attempt at a transaction.
    pub const FIRST: Self = Self(1);

    /// The attempt after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for AttemptNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Which input caused a record. Unique within a log; records of one decision share it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CausationId(pub u128);

/// Microseconds since 1970-01-01T00:00:00Z, leap seconds not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// The moment `after` this one; the end of time when that is out of range.
    #[must_use]
    pub fn saturating_add(self, after: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(after.as_micros()).unwrap_or(u64::MAX)))
    }

    /// The moment `before` this one; 1970 when that is out of range.
    #[must_use]
    pub fn saturating_sub(self, before: Duration) -> Self {
        Self(self.0.saturating_sub(u64::try_from(before.as_micros()).unwrap_or(u64::MAX)))
    }

    /// How long after `earlier` this is; zero when it is not.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}
