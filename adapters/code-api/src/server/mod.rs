//! The official protocol as a server: JSON v1, envelopes over HTTP and WebSocket, rendezvous messages.
//!
//! | | |
//! |---|---|
//! | `POST /v1/createIntent`, `GET /v1/getStatus`, `POST /v1/getUserId` | the JSON API (protocol b) |
//! | `POST /v1/api/`, and any path of at most four parts that ends in `/api` | one call in an envelope (protocol c.1) |
//! | a WebSocket upgrade at `/` or at any of those | one call, or one stream, a socket (protocol c.2) |
//!
//! What a payer's app, a merchant and a browser say to each other is not stored here. Every message is a view of one record
//! in the log: it is there when the record is, it is replayed for as long as the log exists, and its id follows from intent
//! and position. Only which messages were acknowledged is kept, in [`Options::acknowledged`].
//!
//! Payers pay through `SubmitIntent`, see [`crate::submission`] for what of it is offered. Its nonces are this process's own: a
//! restart voids what was offered, and nothing that was accepted depends on them.
//!
//! A payer's app may be faster than the merchant's request (protocol e.2). A scan that comes first is kept in memory for ten
//! minutes and recorded with the request, where that comes over this protocol; a rejection that comes first is answered and not
//! kept: whoever has rejected nothing yet can do so again.
//!
//! A rejection by the payer is replayed like everything else: on this node it has canceled the intent for good, so whoever
//! opens the page again has to learn that.

mod account;
mod acknowledged;
mod body;
mod busy;
mod calls;
mod codify;
mod currency;
mod domains;
mod duplex;
mod early_scans;
mod envelope_http;
mod fetches;
mod grpc;
mod hub;
mod inbox;
mod json_v1;
mod keep_alive;
mod letter;
mod login;
mod messaging;
mod micro_payment;
mod nonces;
mod places;
mod receive_bill;
mod refusal;
mod site;
pub mod socket;
mod submit;
mod transaction;
mod vaults;
mod web_socket;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{any, get};
use quittance_core::ids::AccountId;
use quittance_outbound::{Outbound, Places};
use quittance_runtime::Handle;
use quittance_runtime::table::Table;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::envelope::MAX_ENVELOPE_LEN;
use crate::key::PublicKey;
pub use busy::too_many_requests;
pub use codify::{ENTRIES_A_LINK, LINKS};
use domains::Domains;
use early_scans::EarlyScans;
use fetches::Fetches;
use hub::Hub;
pub use nonces::MAX_NONCES;
use nonces::Nonces;
pub use places::{Admit, Origin};
use vaults::Vaults;

/// How the protocol is served.
#[derive(Debug, Clone)]
pub struct Options {
    /// Whom a merchant may have paid.
    pub destinations: Destinations,
    /// Says which URLs may be called, and calls them. Without it webhooks are not available.
    pub outbound: Option<Outbound>,
    /// Asks domains for their keys by HTTP without TLS. For trying things out, with a door out that allows it.
    pub plain_domains: bool,
    /// Where acknowledged messages are remembered. Losing it means that they are delivered again.
    pub acknowledged: Arc<dyn Table>,
    /// Where links to pages that are paid for are kept; the same store in [`Options::new`]. Losing it breaks those links.
    pub links: Arc<dyn Table>,
    /// What stands in front of such a link's path: a host and a path of at most 56 characters, `getcode.com/m/` by protocol e.9.
    pub link_prefix: String,
    /// Ends every stream and socket. To be canceled before the engine is shut down.
    pub shutdown: CancellationToken,
    /// Every open WebSocket and gRPC stream. Their tasks outlive the HTTP server: whoever shuts down closes this and waits
    /// for it, so that each client is told.
    pub tasks: TaskTracker,
    /// How long a message stream lasts; its client opens the next one.
    pub stream_life: Duration,
    /// How many WebSockets and gRPC streams may be open, and HTTP requests waiting for a message, together. More are refused
    /// as unavailable. One [`Origin`] has a sixteenth of them at most, and a sixteenth is kept for gRPC's `SubmitIntent`.
    pub max_sockets: usize,
    /// Counts the frames of a WebSocket behind its first, each as a request of its [`Origin`]'s. Without it they are not limited.
    pub admit: Option<Admit>,
    /// How many requests that get one answer may be on their way in together, over HTTP and gRPC: each may hold
    /// [`MAX_ENVELOPE_LEN`] bytes. More are refused as unavailable.
    pub max_calls: usize,
    /// How many payments' transactions may wait for their signatures, or for the payment's end, together: each takes one
    /// nonce. When none is free, submissions are refused as unavailable. 1 to [`MAX_NONCES`].
    pub nonces: usize,
}

/// Which accounts a merchant may name as destination, or as the receiver of a fee.
#[derive(Debug, Clone)]
pub enum Destinations {
    /// All of them: nobody can tell a mistyped one. For trying things out.
    Any,
    /// Those that ever held something on this node, and these.
    Known(Arc<BTreeSet<AccountId>>),
}

impl Options {
    /// Known accounts only, no webhooks, streams of 15 minutes, 4096 sockets, 4096 calls, 1024 nonces.
    pub fn new(acknowledged: Arc<dyn Table>, shutdown: CancellationToken) -> Self {
        Self {
            destinations: Destinations::Known(Arc::default()),
            outbound: None,
            plain_domains: false,
            links: acknowledged.clone(),
            link_prefix: "getcode.com/m/".to_owned(),
            acknowledged,
            shutdown,
            tasks: TaskTracker::new(),
            // Protocol g.4: a stream that ends shows the payer an error, and the reference's 60 seconds are too short to pay.
            stream_life: Duration::from_secs(15 * 60),
            max_sockets: 4096,
            admit: None,
            max_calls: 4096,
            nonces: 1024,
        }
    }
}

#[derive(Debug, Clone)]
struct Api {
    engine: Handle,
    options: Options,
    hub: Hub,
    domains: Option<Arc<Domains>>,
    nonces: Nonces,
    places: places::Places,
    vaults: Vaults,
    fetches: Fetches,
    early_scans: EarlyScans,
    /// Pages that are looked at, by who wants to be paid for them.
    looks: Places,
    calls: Arc<Semaphore>,
}

/// Where envelopes are taken. The SDKs append `/api/` to an endpoint of any prefix, with whatever slash it ends in
/// (protocol g.6); a wildcard cannot stand in the middle of a path, so prefixes have an end.
const ENVELOPE_PATHS: [&str; 12] = [
    "/api",
    "/api/",
    "/v1/api",
    "/v1/api/",
    "/v1//api",
    "/v1//api/",
    "/{a}/api",
    "/{a}/api/",
    "/{a}/{b}/api",
    "/{a}/{b}/api/",
    "/{a}/{b}/{c}/api",
    "/{a}/{b}/{c}/api/",
];

/// The routes. They have no fallback, so they can be merged with others.
pub fn router(engine: Handle, options: Options) -> Router {
    let api = Api {
        hub: Hub::new(engine.clone(), options.shutdown.clone()),
        domains: options.outbound.clone().map(|door| Arc::new(Domains::new(door, options.plain_domains))),
        looks: Places::new(codify::MAX_LOOKS),
        nonces: Nonces::new(engine.clone(), options.shutdown.clone(), options.nonces),
        places: places::Places::new(options.max_sockets),
        vaults: Vaults::new(PublicKey(engine.node().0)),
        fetches: Fetches::default(),
        early_scans: EarlyScans::default(),
        calls: Arc::new(Semaphore::new(options.max_calls.min(Semaphore::MAX_PERMITS))),
        engine,
        options,
    };
    let mut router = grpc::routes(&api)
        .route("/v1/createIntent", any(json_v1::create_intent))
        .route("/v1/getStatus", any(json_v1::get_status))
        .route("/v1/getUserId", any(json_v1::get_user_id))
        .route("/", get(envelope_http::serve));
    for path in ENVELOPE_PATHS {
        router = router.route(path, any(envelope_http::serve));
    }
    router.layer(DefaultBodyLimit::max(MAX_ENVELOPE_LEN)).with_state(api)
}
