//! Failures as people see them: what went wrong, why, and what to try next.

use std::fmt;

/// Why a command ended without doing what was asked. The kind decides the exit code.
#[derive(Debug)]
pub(crate) struct CliError {
    kind: Kind,
    message: String,
    hint: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A bug, or the machine failing: 1.
    Failed,
    /// The command line, a file, a key or the clock is not what it should be: 2.
    Misuse,
    /// The rules refuse it: 3.
    Refused,
    /// No answer from the server, or not in time: 4.
    Unreachable,
    /// The server answers that it takes no requests, or no writes, for now, and that nothing was done: 4.
    Unavailable,
    /// The log does not verify: 5.
    Damaged,
}

impl CliError {
    pub(crate) fn new(kind: Kind, message: impl ToString) -> Self {
        Self { kind, message: message.to_string(), hint: None }
    }

    pub(crate) fn misuse(message: impl ToString) -> Self {
        Self::new(Kind::Misuse, message)
    }

    pub(crate) fn failed(message: impl ToString) -> Self {
        Self::new(Kind::Failed, message)
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same, for a request that changes something: without an answer nobody knows whether it did.
    /// `again` says how to ask again safely.
    pub(crate) fn outcome_unknown(self, what: &str, again: impl Into<String>) -> Self {
        if self.kind != Kind::Unreachable {
            return self;
        }
        let message = format!("whether the {what} was accepted is unknown: {}", self.message);
        Self::new(self.kind, message).hint(again)
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    pub(crate) fn exit_code(&self) -> u8 {
        match self.kind {
            Kind::Failed => 1,
            Kind::Misuse => 2,
            Kind::Refused => 3,
            Kind::Unreachable | Kind::Unavailable => 4,
            Kind::Damaged => 5,
        }
    }

    pub(crate) fn to_json(&self) -> serde_json::Value {
        let kind = match self.kind {
            Kind::Failed => "failed",
            Kind::Misuse => "misuse",
            Kind::Refused => "refused",
            Kind::Unreachable => "unreachable",
            Kind::Unavailable => "unavailable",
            Kind::Damaged => "damaged",
        };
        serde_json::json!({ "error": { "kind": kind, "message": self.message, "hint": self.hint } })
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.message)?;
        if let Some(hint) = &self.hint {
            write!(f, "\n  try: {hint}")?;
        }
        Ok(())
    }
}

impl From<quittance_runtime::log::LogError> for CliError {
    fn from(error: quittance_runtime::log::LogError) -> Self {
        use quittance_runtime::log::LogError;
        let kind = match error {
            LogError::InUse { .. } | LogError::OtherNode { .. } => Kind::Misuse,
            LogError::Lost { .. } | LogError::Damaged { .. } => Kind::Damaged,
            LogError::Store { .. } => Kind::Failed,
        };
        let failed = Self::new(kind, error);
        // The others say what to do.
        if failed.kind == Kind::Failed {
            failed.hint(
                "see to that file and the room on its disk, then try again; nothing acknowledged is lost",
            )
        } else {
            failed
        }
    }
}

impl From<quittance_log_file::FileError> for CliError {
    fn from(error: quittance_log_file::FileError) -> Self {
        use quittance_log_file::FileError;
        let (kind, hint) = match error {
            FileError::Damaged { .. } | FileError::Unsound { .. } => {
                (Kind::Damaged, "another copy; a new backup goes into another directory")
            }
            FileError::NotNext { .. } => {
                (Kind::Damaged, "quittance log verify --data DIR, once the node has stopped")
            }
            FileError::OtherHistory { .. } => (
                Kind::Misuse,
                "another directory for this log; keep both until you know which history is right",
            ),
            FileError::NotALog { .. } => (Kind::Misuse, "a file that quittance export has written"),
            FileError::NotABackup { .. } => {
                (Kind::Misuse, "an empty directory, or one that quittance backup has written")
            }
            FileError::OtherNode { .. } => (Kind::Misuse, "another directory for this node"),
            FileError::Exists { .. } => (Kind::Misuse, "another name"),
            FileError::InUse { .. } => (Kind::Misuse, "the same command once that has ended"),
            FileError::Io { .. } => return Self::failed(error),
        };
        Self::new(kind, error).hint(hint)
    }
}
