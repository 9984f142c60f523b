use prost::Message as _;

use crate::key::SignatureBytes;
use crate::proto::code::common::v1 as common;
use crate::proto::code::transaction::v2 as transaction;
use crate::proto::code::transaction::v2::error_details::Type;
use crate::proto::code::transaction::v2::submit_intent_response::{Error, Response};
use crate::status::Status;

pub use crate::proto::code::transaction::v2::submit_intent_response::error::Code as ErrorCode;

/// The longest reason that is sent, in bytes (protocol d.8).
pub const MAX_REASON_LEN: usize = 2048;

/// Why a submission is not carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// The call fails.
    Failed(Status),
    /// The call is answered with an error, which is a message like any other.
    Answered {
        /// Which kind.
        code: ErrorCode,
        /// In words.
        reason: String,
    },
    /// Signatures over transactions do not verify.
    Signatures(Vec<InvalidSignature>),
}

/// A signature over something else than the transaction, which the client can compare with its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidSignature {
    /// The action's id.
    pub action: u32,
    /// The transaction as this side builds it, its signatures zeros.
    pub expected: Vec<u8>,
    /// What came.
    pub provided: SignatureBytes,
}

impl Refused {
    /// INVALID_INTENT: a rule of intents or actions is broken.
    pub fn invalid(reason: impl Into<String>) -> Self {
        Self::Answered { code: ErrorCode::InvalidIntent, reason: reason.into() }
    }

    /// DENIED: the node's policy does not allow it.
    pub fn denied(reason: impl Into<String>) -> Self {
        Self::Answered { code: ErrorCode::Denied, reason: reason.into() }
    }

    /// STALE_STATE: what the client knows is out of date.
    pub fn stale(reason: impl Into<String>) -> Self {
        Self::Answered { code: ErrorCode::StaleState, reason: reason.into() }
    }

    /// SIGNATURE_ERROR: there are more or fewer signatures than transactions.
    pub fn signature(reason: impl Into<String>) -> Self {
        Self::Answered { code: ErrorCode::SignatureError, reason: reason.into() }
    }

    /// What is said: the failure of the call, or the serialized `SubmitIntentResponse` that ends it.
    ///
    /// # Errors
    ///
    /// The failure of the call.
    pub fn into_response(self) -> Result<Vec<u8>, Status> {
        let (code, details) = match self {
            Self::Failed(status) => return Err(status),
            Self::Answered { code, reason } => {
                let reason = shortened(reason);
                (code, vec![Type::ReasonString(transaction::ReasonStringErrorDetails { reason })])
            }
            Self::Signatures(invalid) => {
                let details = invalid.into_iter().map(|invalid| {
                    Type::InvalidSignature(transaction::InvalidSignatureErrorDetails {
                        action_id: invalid.action,
                        expected_transaction: Some(common::Transaction { value: invalid.expected }),
                        provided_signature: Some(invalid.provided.into()),
                    })
                });
                (ErrorCode::SignatureError, details.collect())
            }
        };
        let error_details =
            details.into_iter().map(|detail| transaction::ErrorDetails { r#type: Some(detail) }).collect();
        let response = Response::Error(Error { code: code.into(), error_details });
        Ok(transaction::SubmitIntentResponse { response: Some(response) }.encode_to_vec())
    }
}

impl From<Status> for Refused {
    fn from(status: Status) -> Self {
        Self::Failed(status)
    }
}

/// At most [`MAX_REASON_LEN`] bytes, cut between two characters.
fn shortened(mut reason: String) -> String {
    let end = (0..=MAX_REASON_LEN).rev().find(|end| reason.is_char_boundary(*end)).unwrap_or_default();
    reason.truncate(end);
    reason
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_that_repeats_what_a_stranger_sent_stays_short() {
        for text in ["é".repeat(2000), "x".repeat(5000), String::new()] {
            let short = shortened(text.clone());
            assert!(short.len() <= MAX_REASON_LEN && text.starts_with(&short));
            assert!(text.len() <= MAX_REASON_LEN || short.len() >= MAX_REASON_LEN - 1);
        }
    }
}
