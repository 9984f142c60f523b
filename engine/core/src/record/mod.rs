//! Records as bytes: the border between the types of today and the bytes of ever.

mod v1;
mod v2;
mod v3;

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::event::Record;
use crate::ids::Position;

pub(crate) use v2::{
    AuthorizationV2, PolicyV2, RefundV2, TermsV2, TransactionV2, WithdrawalV2, attempt_state, rate,
    signature_rule, whole,
};
pub(crate) use v3::{DeliveryOutcomeV3, LoginTermsV3, SiteV3, form_parts, into_domain, into_form, micros};

/// The newest version. Every version up to it is read; a record is written in the oldest from 2 on that has words for it.
pub const VERSION: u16 = 3;

/// The longest record, in bytes. The largest that the rules let in is a request with its metadata and signed bytes: about 7 KiB.
pub const MAX_RECORD_BYTES: usize = 32 * 1024;

/// Why bytes are not a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// Written by a newer program, in a version this one does not know.
    NewerVersion {
        /// The version found.
        got: u16,
    },
    /// Not a version that ever existed.
    NoSuchVersion {
        /// The number found.
        got: u16,
    },
    /// Shorter or longer than a record can be.
    Size {
        /// The bytes found.
        got: usize,
    },
    /// The bytes do not have the version's form.
    Malformed(String),
    /// Bytes are left over behind the record.
    TrailingBytes {
        /// How many.
        count: usize,
    },
    /// A value is outside its range.
    OutOfRange {
        /// Which.
        field: &'static str,
    },
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NewerVersion { got } => {
                write!(
                    f,
                    "record version {got} was written by a newer program; this one reads up to {VERSION}"
                )
            }
            Self::NoSuchVersion { got } => write!(f, "there is no record version {got}"),
            Self::Size { got } => write!(f, "a record has 3 to {MAX_RECORD_BYTES} bytes, got {got}"),
            Self::Malformed(why) => write!(f, "malformed record: {why}"),
            Self::TrailingBytes { count } => write!(f, "{count} bytes behind the record"),
            Self::OutOfRange { field } => write!(f, "record field {field} is out of range"),
        }
    }
}

impl core::error::Error for DecodeError {}

/// Adds the bytes of `record` to `out`: its version, then its form in that version. The position is not among them: it
/// follows from the frame.
pub fn encode(record: &Record, out: &mut Vec<u8>) {
    let written = v2::encode(record, out) || v3::encode(record, out);
    debug_assert!(written, "{} has no form in any version", record.event.name());
}

/// The record in `bytes`, which stands at `position`.
///
/// # Errors
/// Anything but one whole record of a known version.
pub fn decode(bytes: &[u8], position: Position) -> Result<Record, DecodeError> {
    if bytes.len() > MAX_RECORD_BYTES {
        return Err(DecodeError::Size { got: bytes.len() });
    }
    let Some((version, body)) = bytes.split_first_chunk::<2>() else {
        return Err(DecodeError::Size { got: bytes.len() });
    };
    match u16::from_le_bytes(*version) {
        0 => Err(DecodeError::NoSuchVersion { got: 0 }),
        1 => v1::decode(body, position),
        2 => v2::decode(body, position),
        3 => v3::decode(body, position),
        got => Err(DecodeError::NewerVersion { got }),
    }
}
