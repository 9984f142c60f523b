//! HTTP/1.1, WebSockets, HTTP/2 and with it gRPC on one port, and what a connection may ask of the node.

use std::time::Duration;

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use crate::addresses::Peer;
use crate::listener::{Connection, Places};

/// How long the head of a request may take over HTTP/1.1, counted from when the request before it was answered.
const HEAD_WAIT: Duration = Duration::from_secs(60);
/// What a client's headers may take up. A request of this node's clients has a few hundred bytes of them.
const MAX_HEADERS_LEN: u32 = 16 * 1024;
/// What is read ahead of an HTTP/1.1 connection, its longest head included.
const MAX_BUFFER_LEN: usize = 64 * 1024;
/// The calls that may be open on one HTTP/2 connection, as gRPC's servers commonly have it. A client opens more connections
/// for more calls.
const MAX_CALLS: u32 = 128;
/// What a client may send ahead of what was read, on one call and on all calls of its connection: four of the longest
/// messages.
const WINDOW: u32 = 64 * 1024;
const CONNECTION_WINDOW: u32 = 256 * 1024;
/// What may wait to be sent on one call.
const MAX_UNSENT: usize = 64 * 1024;
/// How often an HTTP/2 client is asked whether it is there, and how long it may take to say so. Half a frame is no answer.
const PING_EVERY: Duration = Duration::from_secs(30);
const PONG_WAIT: Duration = Duration::from_secs(20);
/// After this a connection takes no more requests, so that no client holds its place for ever; its calls go on to their ends.
const AGE: Duration = Duration::from_secs(60 * 60);

/// Serves until `stop`, then until the requests under way are answered. Never fails: a connection that cannot be accepted
/// is tried again.
pub(crate) async fn serve(places: Places, routes: Router, stop: CancellationToken) {
    let builder = builder();
    let open = TaskTracker::new();
    loop {
        let connection = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            connection = places.accept() => connection,
        };
        open.spawn(converse(builder.clone(), connection, routes.clone(), stop.clone()));
    }
    // The system turns newcomers away from here on.
    drop(places);
    open.close();
    open.wait().await;
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WAIT)
        .max_buf_size(MAX_BUFFER_LEN)
        // What the library does against clients that open calls only to reset them is left as it is.
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_CALLS)
        .max_header_list_size(MAX_HEADERS_LEN)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(MAX_UNSENT)
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PONG_WAIT);
    builder
}

async fn converse(
    builder: Builder<TokioExecutor>,
    connection: Connection,
    routes: Router,
    stop: CancellationToken,
) {
    let peer = Peer(connection.peer());
    let with_peer = move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        request
    };
    let service = TowerToHyperService::new(routes.map_request(with_peer));
    let served = builder.serve_connection_with_upgrades(TokioIo::new(connection), service);
    tokio::pin!(served);
    let ended = tokio::select! {
        ended = &mut served => ended,
        () = async { tokio::select! { () = stop.cancelled() => {}, () = sleep(AGE) => {} } } => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

#[cfg(test)]
#[path = "connections_tests.rs"]
mod tests;
