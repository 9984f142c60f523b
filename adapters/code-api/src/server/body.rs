use std::time::Duration;

use axum::body::{Bytes, HttpBody as _};
use axum::extract::{FromRequest as _, Request};
use axum::http::StatusCode;
use tokio::time::timeout;

use crate::envelope::MAX_ENVELOPE_LEN;

/// How long a client may take to send its request.
const WAIT: Duration = Duration::from_secs(30);

/// Why a request has no body to look at.
pub(super) enum Unread {
    /// Longer than [`MAX_ENVELOPE_LEN`].
    TooLong,
    /// It did not all come in time.
    TooSlow,
    /// The connection broke off.
    Broken,
}

/// Reads a body, within the limit that the router sets.
pub(super) async fn read(request: Request) -> Result<Bytes, Unread> {
    // Mostly known beforehand from the header: then nothing is read.
    if request.body().size_hint().lower() > MAX_ENVELOPE_LEN as u64 {
        return Err(Unread::TooLong);
    }
    let body = timeout(WAIT, Bytes::from_request(request, &())).await.map_err(|_| Unread::TooSlow)?;
    body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Unread::TooLong,
        _ => Unread::Broken,
    })
}
