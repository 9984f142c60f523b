//! One call a socket (protocol c.2).

use std::future::Future;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade, close_code};
use axum::response::Response;
use tokio::time::{sleep, timeout};

use super::duplex::{self, Duplex};
use super::places::{self, Origin};
use super::socket::{self, Broken, Ended, Socket};
use super::{Api, calls, envelope_http, hub, messaging};
use crate::envelope::{Call, Method, decode_request, failed_response, ok_response_bytes};
use crate::status::{Code, Status};

/// How long a socket may stay silent before its first frame and between two: a browser's view opens its stream's socket
/// first and makes two other calls before it uses it (protocol g.4).
const FRAME_WAIT: Duration = Duration::from_secs(60);

/// Takes the socket, if there is a place for it.
pub(super) fn accept(api: Api, origin: Option<Origin>, upgrade: WebSocketUpgrade) -> Response {
    let place = match api.places.take(origin) {
        Ok(place) => place,
        Err(status) => return envelope_http::refused(&status),
    };
    let tasks = api.options.tasks.clone();
    socket::limited(upgrade).on_upgrade(move |socket| {
        tasks.track_future(async move {
            serve(&api, origin, socket).await;
            drop(place);
        })
    })
}

async fn serve(api: &Api, origin: Option<Origin>, socket: WebSocket) {
    let mut line = Socket::new(socket);
    let end = tokio::select! {
        biased;
        () = api.options.shutdown.cancelled() => End::refused(&hub::shutting_down()),
        end = talk(api, origin, &mut line) => end,
    };
    let (last, code) = match end {
        End::Gone | End::Done => (None, None),
        End::Refused(frame) => (Some(frame), None),
        End::Broken(Broken { code, text }) => {
            (Some(failed_response(&Status::invalid_argument(text))), Some(code))
        }
    };
    if let Some(frame) = last {
        // Nobody may be there to read it.
        let _ = line.send(Message::Binary(frame.into())).await;
    }
    line.close(code).await;
}

/// Why a conversation is over.
enum End {
    /// The client has closed, or does not answer any more.
    Gone,
    /// The call is answered and takes no more frames.
    Done,
    /// The client is told why, in an ERROR frame.
    Refused(Vec<u8>),
    /// The client broke the rules of WebSockets, and is told twice: in an ERROR frame, and in the code it is closed with.
    Broken(Broken),
}

impl From<Ended> for End {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Gone => Self::Gone,
            Ended::Broken(broken) => Self::Broken(broken),
        }
    }
}

impl End {
    fn refused(status: &Status) -> Self {
        Self::Refused(failed_response(status))
    }
}

async fn talk(api: &Api, origin: Option<Origin>, line: &mut Socket) -> End {
    let first = match within(FRAME_WAIT, next_call(line)).await {
        Ok(call) => call,
        Err(end) => return end,
    };
    let ended = match first.method {
        Method::OpenMessageStream => stream(api, origin, line, &first).await,
        method if duplex::is_duplex(method) => return converse(api, origin, line, first).await,
        _ => unary(api, origin, line, first).await,
    };
    match ended {
        Ok(never) => match never {},
        Err(end) => end,
    }
}

/// Answers until the client closes. The SDK sends one frame, reads one and closes; whoever sends more asks as often as with
/// a request for each, and may not do so oftener.
async fn unary(api: &Api, origin: Option<Origin>, line: &mut Socket, mut call: Call) -> Result<Never, End> {
    loop {
        let answer = calls::answer(api, &call).await;
        send(line, answer.map_or_else(|status| failed_response(&status), ok_response_bytes)).await?;
        let next = within(FRAME_WAIT, next_call(line)).await?;
        same(&call, &next)?;
        places::admit(api.options.admit.as_ref(), origin).map_err(|status| End::refused(&status))?;
        call = next;
    }
}

async fn stream(api: &Api, origin: Option<Origin>, line: &mut Socket, call: &Call) -> Result<Never, End> {
    let opened = messaging::open(api, origin, &call.body).await;
    let mut messages = opened.map_err(|status| End::refused(&status))?;
    let life = sleep(api.options.stream_life);
    tokio::pin!(life);
    loop {
        tokio::select! {
            biased;
            () = &mut life => {
                return Err(End::refused(&messaging::aged()));
            }
            next = next_call(line) => {
                same(call, &next?)?;
                let text = "this call takes one request; open another socket for the next";
                return Err(End::refused(&Status::invalid_argument(text)));
            }
            message = messages.next() => {
                let message = message.map_err(|status| End::refused(&status))?;
                send(line, ok_response_bytes(message)).await?;
            }
        }
    }
}

/// A call whose messages go both ways, one a frame. A call that ends well closes the socket.
async fn converse(api: &Api, origin: Option<Origin>, line: &mut Socket, call: Call) -> End {
    let mut frames = Frames { first: Some(call.body.clone().into()), call, line, end: None };
    let ended = duplex::converse(api, origin, frames.call.method, &mut frames).await;
    match (frames.end, ended) {
        (Some(end), _) => end,
        (None, Err(status)) => End::refused(&status),
        (None, Ok(())) => End::Done,
    }
}

/// The frames of a call whose messages go both ways.
struct Frames<'a> {
    line: &'a mut Socket,
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
        match next_call(self.line).await.and_then(|next| same(&self.call, &next).map(|()| next)) {
            Ok(next) => Ok(Some(next.body.into())),
            Err(end) => self.over(end),
        }
    }

    async fn send(&mut self, message: Vec<u8>) -> Result<(), Status> {
        match send(self.line, ok_response_bytes(message)).await {
            Ok(()) => Ok(()),
            Err(end) => self.over(end),
        }
    }
}

/// The next call; waits for it. Cancel safe.
async fn next_call(line: &mut Socket) -> Result<Call, End> {
    match line.receive().await? {
        Message::Binary(frame) => decode_request(&frame).map_err(|error| End::Refused(error.to_response())),
        _ => {
            let text = "expected a binary frame, got a text frame".to_owned();
            Err(End::Broken(Broken { code: close_code::UNSUPPORTED, text }))
        }
    }
}

async fn send(line: &mut Socket, frame: Vec<u8>) -> Result<(), End> {
    Ok(line.send(Message::Binary(frame.into())).await?)
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
