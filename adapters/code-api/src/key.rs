//! ed25519 keys and their base58 texts.

use core::fmt;
use core::str::FromStr;

use ed25519_dalek::{Signer, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::scan_code::PAYLOAD_LEN;

/// 32 bytes that name something: a public key, a token account, an intent (protocol d.2).
///
/// Any 32 bytes are accepted, because a derived address is not a point on the curve. Its text is base58.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey(pub [u8; 32]);

/// An ed25519 signature.
pub type SignatureBytes = [u8; 64];

/// Why a text is not a key or a signature.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("invalid address: expected {expected} bytes in base58, got {got}")]
pub struct Base58Error {
    expected: usize,
    got: String,
}

impl PublicKey {
    /// Takes exactly 32 bytes, as a `value` field of the schema holds them.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// Whether `signature` is this key's over `message`, by the strict rule: no small-order keys, no malleable scalars.
    pub fn verifies(&self, message: &[u8], signature: &SignatureBytes) -> bool {
        VerifyingKey::from_bytes(&self.0).is_ok_and(|key| {
            key.verify_strict(message, &ed25519_dalek::Signature::from_bytes(signature)).is_ok()
        })
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&bs58::encode(self.0).into_string())
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

impl FromStr for PublicKey {
    type Err = Base58Error;

    fn from_str(text: &str) -> Result<Self, Base58Error> {
        base58_exact(text).map(Self)
    }
}

/// Reads base58 text that must hold exactly `N` bytes.
///
/// # Errors
///
/// When a character is outside the Bitcoin alphabet or the length is another. Long texts are refused unread, since
/// decoding base58 takes time that grows with the square of its length.
pub fn base58_exact<const N: usize>(text: &str) -> Result<[u8; N], Base58Error> {
    let fail = |got: String| Base58Error { expected: N, got };
    // log(256)/log(58) is 1.366, so 1.5 characters a byte is room for every N.
    if text.len() > N + N / 2 + 1 {
        return Err(fail(format!("{} characters", text.len())));
    }
    let bytes = bs58::decode(text).into_vec().map_err(|error| fail(error.to_string()))?;
    bytes.try_into().map_err(|bytes: Vec<u8>| fail(format!("{} bytes", bytes.len())))
}

/// Writes a signature the way the JSON API wants it.
pub fn base58(bytes: &[u8]) -> String {
    bs58::encode(bytes).into_string()
}

/// A private key: a merchant's verifier, a payer's account, or the rendezvous key of a scan code.
///
/// The secret is wiped when dropped and is never printed.
#[derive(Clone)]
pub struct KeyPair {
    signing: SigningKey,
}

impl KeyPair {
    /// From the 32-byte seed of RFC 8032.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self { signing: SigningKey::from_bytes(seed) }
    }

    /// From seed and public key in one, as Solana tools write a private key.
    ///
    /// # Errors
    ///
    /// When the second half is not the public key of the first.
    pub fn from_secret_key(secret: &[u8; 64]) -> Result<Self, MismatchedKeyPair> {
        SigningKey::from_keypair_bytes(secret).map(|signing| Self { signing }).map_err(|_| MismatchedKeyPair)
    }

    /// The key that everyone who has seen a code shares: its seed is the code's SHA-256 (protocol a.5).
    pub fn rendezvous(payload: &[u8; PAYLOAD_LEN]) -> Self {
        let seed: Zeroizing<[u8; 32]> = Zeroizing::new(Sha256::digest(payload).into());
        Self::from_seed(&seed)
    }

    /// The 32-byte seed. Whoever has it can sign.
    pub fn seed(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.signing.to_bytes())
    }

    /// The public half; of a rendezvous key, the intent id.
    pub fn public_key(&self) -> PublicKey {
        PublicKey(self.signing.verifying_key().to_bytes())
    }

    /// Signs; the same message always gets the same signature.
    pub fn sign(&self, message: &[u8]) -> SignatureBytes {
        self.signing.sign(message).to_bytes()
    }
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyPair(public {})", self.public_key())
    }
}

/// The public half of a 64-byte secret key belongs to another seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the last 32 bytes of the secret key are not the public key of the first 32")]
pub struct MismatchedKeyPair;
