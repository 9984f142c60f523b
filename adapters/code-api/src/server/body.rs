use std::time::Duration;

use axum::body::{Bytes, HttpBody as _};
use axum::extract::{FromRequest as _, Request};
use axum::http::StatusCode;
use tokio::time::timeout;

use super::Api;
use crate::envelope::MAX_ENVELOPE_LEN;
use crate::status::{Code, Status};

/// How long a client may take to send its request.
const WAIT: Duration = Duration::from_secs(30);

/// Why a request has no body to look at.
pub(super) enum Unread {
    /// Longer than [`MAX_ENVELOPE_LEN`].
    TooLong,
    /// Too many others are being read; see [`Options::max_calls`](super::Options::max_calls).
    TooMany,
    /// It did not all come in time.
    TooSlow,
    /// The connection broke off.
    Broken,
}

/// What is told to those who come when too many others are being read.
pub(super) fn too_many() -> Status {
    Status::new(Code::Unavailable, "too many calls at once; try again in a moment")
}

/// Reads a body, within the limit that the router sets.
pub(super) async fn read(api: &Api, request: Request) -> Result<Bytes, Unread> {
    // Mostly known beforehand from the header: then nothing is read.
    if request.body().size_hint().lower() > MAX_ENVELOPE_LEN as u64 {
        return Err(Unread::TooLong);
    }
    let _reading = api.calls.try_acquire().map_err(|_| Unread::TooMany)?;
    let body = timeout(WAIT, Bytes::from_request(request, &())).await.map_err(|_| Unread::TooSlow)?;
    body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Unread::TooLong,
        _ => Unread::Broken,
    })
}
