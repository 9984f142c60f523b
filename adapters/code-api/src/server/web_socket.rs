//! One call a socket (protocol c.2).

use std::future::Future;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, sleep, timeout};

use super::duplex::{self, Duplex};
use super::{Api, calls, envelope_http, hub, messaging};
use crate::envelope::{Call, MAX_ENVELOPE_LEN, Method, decode_request, failed_response, ok_response_bytes};
use crate::status::{Code, Status};

/// How long a socket may stay silent before its first frame and between two: a browser's view opens its stream's socket
/// first and makes two other calls before it uses it (protocol g.4).
const FRAME_WAIT: Duration = Duration::from_secs(60);

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

/// Takes the socket, if there is a place for it.
pub(super) fn accept(api: Api, upgrade: WebSocketUpgrade) -> Response {
    let Ok(place) = api.sockets.clone().try_acquire_owned() else {
        return envelope_http::refused(&too_many());
    };
    let upgrade = upgrade
        .max_message_size(MAX_FRAME_LEN)
        .max_frame_size(MAX_FRAME_LEN)
        .read_buffer_size(BUFFER)
        .write_buffer_size(BUFFER)
        .max_write_buffer_size(2 * MAX_ENVELOPE_LEN);
    let tasks = api.options.tasks.clone();
    upgrade.on_upgrade(move |socket| {
        tasks.track_future(async move {
            serve(&api, socket).await;
            drop(place);
        })
    })
}

/// Every place is taken.
pub(super) fn too_many() -> Status {
    Status::new(Code::Unavailable, "too many open sockets; try again in a moment")
}

async fn serve(api: &Api, socket: WebSocket) {
    let mut line = Line::new(socket);
    let end = tokio::select! {
        biased;
        () = api.options.shutdown.cancelled() => End::refused(&hub::shutting_down()),
        end = talk(api, &mut line) => end,
    };
    if let End::Refused(frame) = end {
        // Nobody may be there to read it.
        let _ = line.send(frame).await;
    }
    line.close().await;
}

/// Why a conversation is over.
enum End {
    /// The client has closed, or does not answer any more.
    Gone,
    /// The call is answered and takes no more frames.
    Done,
    /// The client is told why, in an ERROR frame.
    Refused(Vec<u8>),
}

impl End {
    fn refused(status: &Status) -> Self {
        Self::Refused(failed_response(status))
    }
}

async fn talk(api: &Api, line: &mut Line) -> End {
    let first = match within(FRAME_WAIT, line.call()).await {
        Ok(call) => call,
        Err(end) => return end,
    };
    let ended = match first.method {
        Method::OpenMessageStream => stream(api, line, &first).await,
        method if duplex::is_duplex(method) => return converse(api, line, first).await,
        _ => unary(api, line, first).await,
    };
    match ended {
        Ok(never) => match never {},
        Err(end) => end,
    }
}

/// Answers until the client closes. The SDK sends one frame, reads one and closes.
async fn unary(api: &Api, line: &mut Line, mut call: Call) -> Result<Never, End> {
    loop {
        let answer = calls::answer(api, &call).await;
        line.send(answer.map_or_else(|status| failed_response(&status), ok_response_bytes)).await?;
        let next = within(FRAME_WAIT, line.call()).await?;
        same(&call, &next)?;
        call = next;
    }
}

async fn stream(api: &Api, line: &mut Line, call: &Call) -> Result<Never, End> {
    let opened = messaging::open(api, &call.body).await;
    let mut messages = opened.map_err(|status| End::refused(&status))?;
    let life = sleep(api.options.stream_life);
    tokio::pin!(life);
    loop {
        tokio::select! {
            biased;
            () = &mut life => {
                return Err(End::refused(&messaging::aged()));
            }
            next = line.call() => {
                same(call, &next?)?;
                let text = "this call takes one request; open another socket for the next";
                return Err(End::refused(&Status::invalid_argument(text)));
            }
            message = messages.next() => {
                let message = message.map_err(|status| End::refused(&status))?;
                line.send(ok_response_bytes(message)).await?;
            }
        }
    }
}

/// A call whose messages go both ways, one a frame. A call that ends well closes the socket.
async fn converse(api: &Api, line: &mut Line, call: Call) -> End {
    let mut frames = Frames { first: Some(call.body.clone().into()), call, line, end: None };
    let ended = duplex::converse(api, frames.call.method, &mut frames).await;
    match (frames.end, ended) {
        (Some(end), _) => end,
        (None, Err(status)) => End::refused(&status),
        (None, Ok(())) => End::Done,
    }
}

/// The frames of a call whose messages go both ways.
struct Frames<'a> {
    line: &'a mut Line,
    call: Call,
    /// The request that named the call, until it is asked for.
    first: Option<Bytes>,
    /// Why no more frames come or go, in this transport's own words.
    end: Option<End>,
}

impl Frames<'_> {
    fn over<T>(&mut self, end: End) -> Result<T, Status> {
        self.end = Some(end);
        Err(Status::new(Code::Canceled, "the socket is closed"))
    }
}

impl Duplex for Frames<'_> {
    async fn receive(&mut self) -> Result<Option<Bytes>, Status> {
        if let Some(first) = self.first.take() {
            return Ok(Some(first));
        }
        match self.line.call().await.and_then(|next| same(&self.call, &next).map(|()| next)) {
            Ok(next) => Ok(Some(next.body.into())),
            Err(end) => self.over(end),
        }
    }

    async fn send(&mut self, message: Vec<u8>) -> Result<(), Status> {
        match self.line.send(ok_response_bytes(message)).await {
            Ok(()) => Ok(()),
            Err(end) => self.over(end),
        }
    }
}

/// Nothing: a conversation ends by an [`End`].
enum Never {}

/// The first frame binds the socket to its service and method.
fn same(bound: &Call, next: &Call) -> Result<(), End> {
    let (service, method) = (next.method.service_name(), next.method.method_name());
    if service != bound.method.service_name() {
        let text = format!("Unexpected service name: {service}");
        return Err(End::refused(&Status::invalid_argument(text)));
    }
    if next.method != bound.method {
        let text = format!("Unexpected method name: {method}");
        return Err(End::refused(&Status::invalid_argument(text)));
    }
    Ok(())
}

async fn within<T>(limit: Duration, next: impl Future<Output = Result<T, End>>) -> Result<T, End> {
    let late = || {
        let text = format!("no frame came within {} seconds", limit.as_secs());
        End::refused(&Status::new(Code::DeadlineExceeded, text))
    };
    timeout(limit, next).await.unwrap_or_else(|_| Err(late()))
}

/// A socket that is asked for signs of life.
struct Line {
    socket: WebSocket,
    ping: Interval,
    unanswered: u8,
}

impl Line {
    fn new(socket: WebSocket) -> Self {
        let mut ping = interval_at(Instant::now() + PING_EVERY, PING_EVERY);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { socket, ping, unanswered: 0 }
    }

    /// The next call; waits for it. Cancel safe.
    async fn call(&mut self) -> Result<Call, End> {
        let frame = self.frame().await?;
        decode_request(&frame).map_err(|error| End::Refused(error.to_response()))
    }

    async fn frame(&mut self) -> Result<Bytes, End> {
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
                Some(Ok(Message::Binary(frame))) => return Ok(frame),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Text(_))) => {
                    let text = "expected a binary frame, got a text frame";
                    return Err(End::refused(&Status::invalid_argument(text)));
                }
                Some(Err(error)) => {
                    let text = format!("undecodable frame: {error}");
                    return Err(End::refused(&Status::invalid_argument(text)));
                }
                Some(Ok(Message::Close(_))) | None => return Err(End::Gone),
            }
        }
    }

    async fn ask(&mut self) -> Result<(), End> {
        if self.unanswered == 2 {
            return Err(End::Gone);
        }
        self.unanswered += 1;
        self.put(Message::Ping(Bytes::new())).await
    }

    async fn send(&mut self, frame: Vec<u8>) -> Result<(), End> {
        self.put(Message::Binary(frame.into())).await
    }

    async fn put(&mut self, message: Message) -> Result<(), End> {
        match timeout(SEND_WAIT, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(End::Gone),
        }
    }

    /// Closes, and waits a moment for the client to do the same: a socket dropped with unread bytes in it is reset, and the
    /// client may lose the last frame.
    async fn close(mut self) {
        if self.put(Message::Close(None)).await.is_ok() {
            let closed = async { while let Some(Ok(_)) = self.socket.recv().await {} };
            // It had its time.
            let _ = timeout(CLOSE_WAIT, closed).await;
        }
    }
}
