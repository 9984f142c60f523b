//! `OpenMessageStreamWithKeepAlive`: a message stream whose client shows that it is there (protocol e.7).

use std::time::Duration;

use axum::body::Bytes;
use prost::Message as _;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep, timeout};

use super::duplex::Duplex;
use super::messaging::{self, MessageStream};
use super::places::Origin;
use super::{Api, letter};
use crate::envelope::decode_body;
use crate::proto::code::messaging::v1 as messages;
use crate::proto::code::messaging::v1::open_message_stream_with_keep_alive_request::RequestOrPong;
use crate::proto::code::messaging::v1::open_message_stream_with_keep_alive_response::ResponseOrPing;
use crate::status::{Code, Status};
use crate::validate::Validate;
use crate::wire::{delimited, sub_message};

/// How long a client may take to send its request. Over WebSocket the request is the frame that named the call.
const REQUEST_WAIT: Duration = Duration::from_millis(250);

/// How often the client is asked, the first time at once.
const PING_EVERY: Duration = Duration::from_secs(5);

/// How long a client may take from one sign of life to the next.
const PONG_WAIT: Duration = Duration::from_secs(10);

/// Serves the stream to its end.
pub(super) async fn run(api: &Api, origin: Option<Origin>, line: &mut impl Duplex) -> Result<(), Status> {
    let late = |_| Status::new(Code::DeadlineExceeded, "no request came within 250 ms");
    let first = timeout(REQUEST_WAIT, line.receive()).await.map_err(late)??;
    let mut stream = open(api, origin, &first.unwrap_or_default()).await?;
    line.send(server_ping(api)).await?;
    let mut ping = interval_at(Instant::now() + PING_EVERY, PING_EVERY);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (silent, life) = (sleep(PONG_WAIT), sleep(api.options.stream_life));
    tokio::pin!(silent, life);
    loop {
        tokio::select! {
            biased;
            () = &mut life => return Err(messaging::aged()),
            () = &mut silent => return Err(unhealthy()),
            _ = ping.tick() => line.send(server_ping(api)).await?,
            heard = line.receive() => {
                if !heard?.is_some_and(|bytes| is_pong(&bytes)) {
                    return Err(unhealthy());
                }
                silent.as_mut().reset(Instant::now() + PONG_WAIT);
            }
            message = stream.next() => line.send(delimited(1, &message?)).await?,
        }
    }
}

async fn open(api: &Api, origin: Option<Origin>, first: &Bytes) -> Result<MessageStream, Status> {
    let request: messages::OpenMessageStreamWithKeepAliveRequest = decode_body(first)?;
    request.validate().map_err(Status::invalid_argument)?;
    let Some(RequestOrPong::Request(request)) = request.request_or_pong else {
        return Err(Status::invalid_argument("request is nil"));
    };
    if request.signature.is_none() {
        return Err(Status::invalid_argument("signature is nil"));
    }
    // The signature covers the bytes of the inner request as they came, and those are there once.
    let request = sub_message(first, 1).map_err(messaging::malformed)?;
    messaging::open(api, origin, request).await
}

fn is_pong(bytes: &[u8]) -> bool {
    decode_body::<messages::OpenMessageStreamWithKeepAliveRequest>(bytes).is_ok_and(|message| {
        message.validate().is_ok() && matches!(message.request_or_pong, Some(RequestOrPong::Pong(_)))
    })
}

fn server_ping(api: &Api) -> Vec<u8> {
    let ping = messages::ServerPing {
        timestamp: Some(letter::timestamp(api.engine.now())),
        ping_delay: Some(prost_types::Duration { seconds: PING_EVERY.as_secs().cast_signed(), nanos: 0 }),
    };
    let response_or_ping = Some(ResponseOrPing::Ping(ping));
    messages::OpenMessageStreamWithKeepAliveResponse { response_or_ping }.encode_to_vec()
}

fn unhealthy() -> Status {
    Status::new(Code::Aborted, "terminating unhealthy stream")
}
