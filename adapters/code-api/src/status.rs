//! How a failed call is told to each kind of client.

use core::fmt;

use thiserror::Error;

/// The status codes of gRPC, by their numbers there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
#[expect(missing_docs, reason = "gRPC's documentation defines them")]
pub enum Code {
    Canceled = 1,
    Unknown = 2,
    InvalidArgument = 3,
    DeadlineExceeded = 4,
    NotFound = 5,
    AlreadyExists = 6,
    PermissionDenied = 7,
    ResourceExhausted = 8,
    FailedPrecondition = 9,
    Aborted = 10,
    OutOfRange = 11,
    Unimplemented = 12,
    Internal = 13,
    Unavailable = 14,
    DataLoss = 15,
    Unauthenticated = 16,
}

impl Code {
    /// The name as the Connect protocol writes it: `invalid_argument`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Canceled => "canceled",
            Self::Unknown => "unknown",
            Self::InvalidArgument => "invalid_argument",
            Self::DeadlineExceeded => "deadline_exceeded",
            Self::NotFound => "not_found",
            Self::AlreadyExists => "already_exists",
            Self::PermissionDenied => "permission_denied",
            Self::ResourceExhausted => "resource_exhausted",
            Self::FailedPrecondition => "failed_precondition",
            Self::Aborted => "aborted",
            Self::OutOfRange => "out_of_range",
            Self::Unimplemented => "unimplemented",
            Self::Internal => "internal",
            Self::Unavailable => "unavailable",
            Self::DataLoss => "data_loss",
            Self::Unauthenticated => "unauthenticated",
        }
    }

    /// The HTTP status that goes with an ERROR envelope. Never 2xx: the JavaScript client does not look into the envelope
    /// and would take the failure for a success (protocol c.1).
    pub fn http_status(self) -> u16 {
        match self {
            Self::InvalidArgument | Self::FailedPrecondition | Self::OutOfRange => 400,
            Self::Unauthenticated => 401,
            Self::PermissionDenied => 403,
            Self::NotFound => 404,
            Self::Canceled | Self::DeadlineExceeded => 408,
            Self::AlreadyExists | Self::Aborted => 409,
            Self::ResourceExhausted => 429,
            Self::Unknown | Self::Internal | Self::DataLoss => 500,
            Self::Unimplemented => 501,
            Self::Unavailable => 503,
        }
    }
}

/// A call that failed: a code and words for the caller.
///
/// Its text is what an ERROR envelope carries: `[code_name] text`, or only `[code_name]`.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub struct Status {
    /// Which kind of failure.
    pub code: Code,
    /// May be empty, as it is for a bad signature.
    pub text: String,
}

impl Status {
    /// A failure with words.
    pub fn new(code: Code, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }

    /// The caller sent something that breaks a rule.
    pub fn invalid_argument(text: impl fmt::Display) -> Self {
        Self::new(Code::InvalidArgument, text.to_string())
    }

    /// A signature does not verify. The protocol gives no text, so that nothing is learnt by trying.
    pub fn unauthenticated() -> Self {
        Self::new(Code::Unauthenticated, "")
    }

    /// HTTP status and `error` text of the JSON API, version 1 (protocol b). Only the caller's own mistakes are told in full.
    pub fn json_v1(&self) -> (u16, String) {
        match self.code {
            Code::InvalidArgument => (400, format!("rpc error: code = InvalidArgument desc = {}", self.text)),
            Code::Unauthenticated => (401, "authentication failed".to_owned()),
            Code::PermissionDenied => (403, "permission denied".to_owned()),
            Code::Canceled | Code::DeadlineExceeded => (408, "request timed out".to_owned()),
            // Where the reference says 500 to everything, a client is told that asking again helps.
            Code::ResourceExhausted => (429, "too many requests".to_owned()),
            Code::Unavailable => (503, "the node is unavailable".to_owned()),
            _ => (500, "internal server error".to_owned()),
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.text.is_empty() {
            write!(f, "[{}]", self.code.name())
        } else {
            write!(f, "[{}] {}", self.code.name(), self.text)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_client_is_told_in_its_own_words() {
        let check = |status: Status, envelope: &str, http: u16, json: (u16, &str)| {
            assert_eq!(status.to_string(), envelope);
            assert_eq!(status.code.http_status(), http, "{envelope}");
            assert_eq!(status.json_v1(), (json.0, json.1.to_owned()), "{envelope}");
        };
        check(
            Status::invalid_argument("amount"),
            "[invalid_argument] amount",
            400,
            (400, "rpc error: code = InvalidArgument desc = amount"),
        );
        let busy = Status::new(Code::ResourceExhausted, "later");
        check(busy, "[resource_exhausted] later", 429, (429, "too many requests"));
        check(Status::unauthenticated(), "[unauthenticated]", 401, (401, "authentication failed"));
        check(
            Status::new(Code::PermissionDenied, "key does not own domain"),
            "[permission_denied] key does not own domain",
            403,
            (403, "permission denied"),
        );
        check(
            Status::new(Code::DeadlineExceeded, ""),
            "[deadline_exceeded]",
            408,
            (408, "request timed out"),
        );
        check(
            Status::new(Code::Unavailable, "log is full"),
            "[unavailable] log is full",
            503,
            (503, "the node is unavailable"),
        );
    }
}
