//! One WebSocket within this server's limits, whatever is said over it.
//!
//! Public so that it can be examined on its own: a suite of conformance cases wants to hear its own frames again.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::ws::{CloseCode, CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, timeout};
use tungstenite::Error;

use crate::envelope::MAX_ENVELOPE_LEN;

/// How often a silent client is asked whether it is there. After two questions without any sign of life it is not.
const PING_EVERY: Duration = Duration::from_secs(30);

/// How long a client may take to take a frame (protocol e.7).
const SEND_WAIT: Duration = Duration::from_secs(10);

/// How long a client may take to close its side, so that it can still read the last frame.
const CLOSE_WAIT: Duration = Duration::from_secs(2);

/// A busy node holds thousands of sockets with one small frame each; the library's default is 128 KiB for each direction.
const BUFFER: usize = 4 * 1024;

/// The longest frame that is read to its end. Longer than an envelope may be: a client that is cut off while it writes may
/// never see why, so one that is a little over the limit is heard out and then told.
const MAX_FRAME_LEN: usize = MAX_ENVELOPE_LEN + MAX_ENVELOPE_LEN / 16;

/// Sets the limits of a socket that is about to be opened: messages, whole or in pieces, of at most 68 KiB.
pub fn limited(upgrade: WebSocketUpgrade) -> WebSocketUpgrade {
    upgrade
        .max_message_size(MAX_FRAME_LEN)
        .max_frame_size(MAX_FRAME_LEN)
        .read_buffer_size(BUFFER)
        .write_buffer_size(BUFFER)
        .max_write_buffer_size(2 * MAX_ENVELOPE_LEN)
}

/// A socket that is asked for signs of life.
#[derive(Debug)]
pub struct Socket {
    socket: WebSocket,
    ping: Interval,
    unanswered: u8,
}

/// Why nothing more comes from a client.
#[derive(Debug)]
pub enum Ended {
    /// It has closed, has not read what was sent to it for 10 seconds, or has given no sign of life for 90.
    Gone,
    /// It broke the rules.
    Broken(Broken),
}

/// A broken rule of RFC 6455.
#[derive(Debug)]
pub struct Broken {
    /// What the socket is to be closed with.
    pub code: CloseCode,
    /// What is wrong.
    pub text: String,
}

impl Socket {
    /// Takes a socket that was opened [`limited`].
    pub fn new(socket: WebSocket) -> Self {
        let mut ping = interval_at(Instant::now() + PING_EVERY, PING_EVERY);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { socket, ping, unanswered: 0 }
    }

    /// The next text or binary message; waits for it. Cancel safe.
    ///
    /// # Errors
    /// There is none.
    pub async fn receive(&mut self) -> Result<Message, Ended> {
        loop {
            let message = tokio::select! {
                message = self.socket.recv() => message,
                _ = self.ping.tick() => {
                    self.ask().await?;
                    continue;
                }
            };
            self.unanswered = 0;
            match message {
                Some(Ok(message @ (Message::Binary(_) | Message::Text(_)))) => return Ok(message),
                // A ping is answered where it is read.
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Err(error)) => return Err(broken(error)),
                Some(Ok(Message::Close(_))) | None => return Err(Ended::Gone),
            }
        }
    }

    async fn ask(&mut self) -> Result<(), Ended> {
        if self.unanswered == 2 {
            return Err(Ended::Gone);
        }
        self.unanswered += 1;
        self.send(Message::Ping(Bytes::new())).await
    }

    /// Sends a message; waits until the client takes it, for at most 10 seconds.
    ///
    /// # Errors
    /// The client is gone.
    pub async fn send(&mut self, message: Message) -> Result<(), Ended> {
        match timeout(SEND_WAIT, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Ended::Gone),
        }
    }

    /// Closes, and waits a moment for the client to do the same: a socket dropped with unread bytes in it is reset, and the
    /// client may lose the last frame.
    pub async fn close(mut self, code: Option<CloseCode>) {
        let frame = code.map(|code| CloseFrame { code, reason: "".into() });
        // A client that has closed first cannot be sent anything more; reading on is what sends it the answer to its close.
        let _ = self.send(Message::Close(frame)).await;
        let closed = async { while let Some(Ok(_)) = self.socket.recv().await {} };
        // It had its time.
        let _ = timeout(CLOSE_WAIT, closed).await;
    }
}

fn broken(error: axum::Error) -> Ended {
    let error = error.into_inner();
    let code = match error.downcast_ref::<Error>() {
        Some(Error::Utf8(_)) => close_code::INVALID,
        Some(Error::Capacity(_)) => close_code::SIZE,
        Some(Error::Io(_) | Error::ConnectionClosed | Error::AlreadyClosed) => return Ended::Gone,
        _ => close_code::PROTOCOL,
    };
    Ended::Broken(Broken { code, text: format!("undecodable frame: {error}") })
}
