//! Calls in which both sides send several messages, apart from what carries them.

use std::future::Future;

use axum::body::Bytes;

use super::places::Origin;
use super::{Api, keep_alive, refusal, submit};
use crate::envelope::Method;
use crate::status::Status;

/// Both directions of one call: a WebSocket's frames or a gRPC stream's messages, each a serialized message as it came.
pub(super) trait Duplex: Send {
    /// The client's next message; waits for it, without a limit. `None` when the client has said that it sends no more.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    /// The client has left or sent what is no message. Whoever converses passes it on and is done.
    fn receive(&mut self) -> impl Future<Output = Result<Option<Bytes>, Status>> + Send;

    /// Sends a message; waits until there is room for it, as long as a client may take.
    ///
    /// Not cancel safe: a message may be lost or half sent.
    ///
    /// # Errors
    /// The client has left or does not read. Whoever converses passes it on and is done.
    fn send(&mut self, message: Vec<u8>) -> impl Future<Output = Result<(), Status>> + Send;
}

/// Whether this is a call that [`converse`] answers.
pub(super) fn is_duplex(method: Method) -> bool {
    matches!(method, Method::OpenMessageStreamWithKeepAlive | Method::SubmitIntent)
}

/// Answers a call whose messages come and go over `line`. The transport ends it when the node shuts down or the client
/// leaves, by dropping this.
///
/// # Errors
/// What the client is told last. `Ok` ends the call without a failure.
pub(super) async fn converse(
    api: &Api,
    origin: Option<Origin>,
    method: Method,
    line: &mut impl Duplex,
) -> Result<(), Status> {
    match method {
        Method::OpenMessageStreamWithKeepAlive => keep_alive::run(api, origin, line).await,
        Method::SubmitIntent => submit::run(api, line).await,
        other => Err(refusal::not_available(other)),
    }
}
