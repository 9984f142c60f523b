//! The 11 bytes that tell two requests for the same price apart (protocol a.4).

use core::fmt;

use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::key::{base58, base58_exact};

/// Bytes in a nonce.
pub const NONCE_LEN: usize = 11;

/// The last 11 bytes of every code but a tip.
///
/// Together with price and kind it gives away the rendezvous key, so it is not printed by `Debug`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Nonce(pub [u8; NONCE_LEN]);

/// A client secret that does not hold 11 bytes of base58.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("invalid client secret: expected base58 of {NONCE_LEN} bytes")]
pub struct ClientSecretError;

impl Nonce {
    /// The nonce every SDK derives from a merchant's idempotency key: the head of its SHA-256.
    pub fn from_idempotency_key(key: &str) -> Self {
        let hash: [u8; 32] = Sha256::digest(key.as_bytes()).into();
        let mut nonce = [0; NONCE_LEN];
        nonce.copy_from_slice(&hash[..NONCE_LEN]);
        Self(nonce)
    }

    /// Reads what [`client_secret`](Self::client_secret) wrote.
    ///
    /// # Errors
    ///
    /// When the text is not base58 of exactly 11 bytes. The error does not repeat the secret.
    pub fn from_client_secret(text: &str) -> Result<Self, ClientSecretError> {
        base58_exact(text).map(Self).map_err(|_| ClientSecretError)
    }

    /// The text a merchant's server hands to the browser, so that it can rebuild the same code.
    pub fn client_secret(&self) -> String {
        base58(&self.0)
    }
}

impl fmt::Debug for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Nonce(..)")
    }
}
