use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Bytes;
use futures_util::Stream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tonic::Streaming;

use super::words;
use crate::server::duplex::Duplex;
use crate::server::places::Place;
use crate::status::{Code, Status};

/// How long a client may take to take a message (protocol e.7).
const SEND_WAIT: Duration = Duration::from_secs(10);

/// The answers of one call on their way out. Dropped when the client has left, which ends the call.
#[derive(Debug)]
pub(super) struct Answers {
    messages: mpsc::Receiver<Result<Bytes, tonic::Status>>,
    /// Held as long as the connection has to remember the call.
    _place: Option<Place>,
}

/// Where a call puts its answers. One waits in front of the connection, so that nothing piles up before a slow reader.
#[derive(Debug, Clone)]
pub(super) struct Sender(mpsc::Sender<Result<Bytes, tonic::Status>>);

/// Both directions of a gRPC stream.
pub(super) struct Line {
    pub(super) incoming: Streaming<Bytes>,
    pub(super) outgoing: Sender,
}

/// A call with several answers.
pub(super) fn answers(place: Place) -> (Sender, Answers) {
    let (to, messages) = mpsc::channel(1);
    (Sender(to), Answers { messages, _place: Some(place) })
}

/// A call with one answer.
pub(super) fn answer(message: Vec<u8>) -> Answers {
    let (to, messages) = mpsc::channel(1);
    // There is room for one.
    let _ = to.try_send(Ok(message.into()));
    Answers { messages, _place: None }
}

impl Sender {
    /// Waits until there is room, as long as a client may take.
    pub(super) async fn send(&self, message: Vec<u8>) -> Result<(), Status> {
        match timeout(SEND_WAIT, self.0.send(Ok(message.into()))).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Status::new(Code::Canceled, "the client has left")),
            Err(_) => Err(Status::new(Code::Aborted, "the stream was not read")),
        }
    }

    /// Returns when nobody is there any more to read an answer.
    pub(super) async fn closed(&self) {
        self.0.closed().await;
    }

    /// The last word, if the client takes it in time.
    pub(super) async fn fail(self, status: &Status) {
        let _ = timeout(SEND_WAIT, self.0.send(Err(words::told(status)))).await;
    }
}

impl Stream for Answers {
    type Item = Result<Bytes, tonic::Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.messages.poll_recv(cx)
    }
}

impl Duplex for Line {
    async fn receive(&mut self) -> Result<Option<Bytes>, Status> {
        self.incoming.message().await.map_err(|status| words::heard(&status))
    }

    async fn send(&mut self, message: Vec<u8>) -> Result<(), Status> {
        self.outgoing.send(message).await
    }
}
