//! Failures in gRPC's words.

use crate::envelope::MAX_ENVELOPE_LEN;
use crate::status::{Code, Status};

/// A failure as it goes out.
pub(super) fn told(status: &Status) -> tonic::Status {
    // The numbers are gRPC's own.
    tonic::Status::new(tonic::Code::from_i32(i32::from(status.code as u8)), status.text.clone())
}

/// Why no message could be read.
pub(super) fn heard(status: &tonic::Status) -> Status {
    match status.code() {
        // The library's answer to a message above the limit.
        tonic::Code::OutOfRange => {
            let text = format!("expected a message of at most {MAX_ENVELOPE_LEN} bytes");
            Status::new(Code::ResourceExhausted, text)
        }
        tonic::Code::Internal => Status::invalid_argument(status.message()),
        _ => Status::new(Code::Canceled, "the client has left"),
    }
}
