use alloc::vec::Vec;

use crate::ids::Signature;

/// A signature by an intent's rendezvous key, with the very bytes it covers, so that anyone can check it later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorization {
    /// How to read the signed bytes.
    pub form: SignedForm,
    /// The rule the signature passed.
    pub rule: SignatureRule,
    /// The bytes signed.
    pub signed: Vec<u8>,
    /// The signature.
    pub signature: Signature,
}

/// How to read signed bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum SignedForm {
    /// The engine's own bytes, such as [`crate::terms::Terms::signing_bytes`].
    Native = 1,
    /// A serialized `code.messaging.v1.Message` (protocol e.1).
    CodeMessage = 2,
    /// A serialized `code.user.v1.LoginToThirdPartyAppRequest` without its signature (protocol e.1).
    CodeLogin = 3,
    /// A serialized `code.transaction.v2.SubmitIntentRequest.SubmitActions` without its signature (protocol d.8).
    CodeSubmitActions = 4,
    /// A serialized `code.transaction.v2.OpenAccountAction` without its signature (protocol d.8).
    CodeOpenAccount = 5,
}

impl SignedForm {
    /// Every form.
    pub const ALL: [Self; 5] =
        [Self::Native, Self::CodeMessage, Self::CodeLogin, Self::CodeSubmitActions, Self::CodeOpenAccount];
}

/// What a payer's signature covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PaymentForm {
    /// The payment in its canonical encoding.
    Native,
    /// These bytes: a serialized `SubmitActions` without its signature (protocol d.8). The adapter vouches that they say what
    /// the payment says.
    CodeSubmitActions(Vec<u8>),
}

impl PaymentForm {
    /// The bytes that are signed, of a payment that is `payload` in its canonical encoding.
    #[must_use]
    pub fn signed<'a>(&'a self, payload: &'a [u8]) -> &'a [u8] {
        match self {
            Self::Native => payload,
            Self::CodeSubmitActions(signed) => signed,
        }
    }
}

/// The rule that decided whether a signature is valid. In every event with a signature, so that a later rule cannot change
/// what an earlier one accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum SignatureRule {
    /// ed25519-dalek `verify_strict`: canonical encodings, no small-order keys or points, no cofactor.
    Ed25519VerifyStrict = 1,
}

/// Who called an intent off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum CanceledBy {
    /// The payer declined.
    Payer = 1,
    /// The merchant withdrew.
    Merchant = 2,
}

impl CanceledBy {
    /// The name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Payer => "payer",
            Self::Merchant => "merchant",
        }
    }
}
