//! Logging in with an intent: what a site asks for, and the accounts that a payer is known to sites by.

use alloc::string::ToString;
use alloc::vec::Vec;

use crate::event::Authorization;
use crate::ids::{AccountId, IntentId, Position, Timestamp};
use crate::rejection::{Rejection, RejectionCode};
use crate::site::Domain;

/// What a site asks for that wants to know who somebody is, and no money.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginTerms {
    /// The site.
    pub domain: Domain,
    /// The key that signed for it and is published on it. The adapter vouches for both.
    pub verifier: AccountId,
}

impl LoginTerms {
    /// Which field of a repeated request differs from the original.
    pub(crate) fn mismatch(&self, repeated: &Self) -> Option<Rejection> {
        let differs = |field: &str, original: &dyn ToString, got: &dyn ToString| {
            Some(Rejection::new(RejectionCode::TermsMismatch, field, original.to_string(), got.to_string()))
        };
        if self.domain != repeated.domain {
            return differs("site.domain", &self.domain, &repeated.domain);
        }
        if self.verifier != repeated.verifier {
            return differs("site.verifier", &self.verifier, &repeated.verifier);
        }
        None
    }

    /// The bytes a site signs with the rendezvous key when it speaks to the engine itself.
    ///
    /// Layout: `quittance.login` 0x01, intent, verifier (32 bytes each), then the domain, which ends where the bytes end.
    #[must_use]
    pub fn signing_bytes(&self, intent: IntentId) -> Vec<u8> {
        let parts = [b"quittance.login\x01".as_slice(), &intent.0, &self.verifier.0];
        [parts.concat().as_slice(), self.domain.as_str().as_bytes()].concat()
    }
}

/// Who logged in, with the signature that says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedIn {
    /// The account that the payer is known to the site by.
    pub user: AccountId,
    /// The signature of that account's key.
    pub authorization: Authorization,
    /// Where it is in the log.
    pub position: Position,
    /// When it came in.
    pub at: Timestamp,
}

/// The most sites that one owner can be known to: so many entries an account on the ledger can have made.
pub const MAX_RELATIONSHIPS: usize = 256;

/// An account that one owner is known to one site by, so that two sites cannot tell that they serve the same person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relationship {
    /// Whose it is.
    pub owner: AccountId,
    /// With which site.
    pub domain: Domain,
    /// Where it was established.
    pub established: Position,
}
