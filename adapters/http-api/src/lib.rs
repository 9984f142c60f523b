//! The native JSON API: what a merchant needs to ask for a payment and to give it back, and what a payer's app needs to see an
//! intent, get a quote, pay it and learn the outcome.
//!
//! | | |
//! |---|---|
//! | `GET /v1/node` | whose node this is |
//! | `POST /v1/intents` | a merchant's wish for a payment, signed in the engine's own form |
//! | `GET /v1/intents/{id}?after=REVISION&wait_ms=MS` | an intent; waits for news of it when asked to |
//! | `POST /v1/intents/{id}/quote` | what a payer would sign, with the exact bytes |
//! | `GET /v1/intents/{id}/why` | how it came to be where it is, step by step |
//! | `POST /v1/intents/{id}/submissions` | a signed payment |
//! | `POST /v1/intents/{id}/refunds` | a signed refund, whole or part |
//! | `GET /v1/accounts/{id}` | what an account holds |
//! | `POST /v1/accounts/{id}/deposits` | puts quarks into an account; only with [`Options::dev`] |
//! | `POST /v1/accounts/{id}/withdrawals` | a signed withdrawal |
//! | `GET /v1/accounts/{id}/withdrawals/{key}` | what became of it |
//!
//! Every failure is JSON of the form [`document::Problem`], with the rule's name, the field, what was expected and what came.

mod accounts;
pub mod document;
mod input;
mod intents;
mod news;
mod node;
mod problem;
mod why;
mod withdrawals;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use quittance_core::ids::AccountId;
use quittance_runtime::Handle;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::news::News;

/// The largest request body, in bytes. A submission has under 2 KiB, a request for a payment with metadata under 8.
const MAX_BODY_BYTES: usize = 16 * 1024;

/// Histories that may be read from the log at a time.
const MAX_READING: usize = 8;

/// What the API may do.
#[derive(Clone, Debug)]
pub struct Options {
    /// Anybody may deposit. For trying things out; never where quarks are worth anything.
    pub dev: bool,
    /// Which accounts a merchant may name.
    pub destinations: Destinations,
    /// Ends every wait for news. To be canceled before the engine is shut down.
    pub shutdown: CancellationToken,
}

/// Which accounts a merchant may name as destination, or as the receiver of a fee.
#[derive(Clone, Debug)]
pub enum Destinations {
    /// All of them: nobody can tell a mistyped one. For trying things out.
    Any,
    /// Those that ever held something on this node, and these.
    Known(Arc<BTreeSet<AccountId>>),
}

impl Default for Options {
    fn default() -> Self {
        let destinations = Destinations::Known(Arc::default());
        Self { dev: false, destinations, shutdown: CancellationToken::new() }
    }
}

#[derive(Clone, Debug)]
struct Api {
    engine: Handle,
    options: Options,
    news: News,
    reading: Arc<Semaphore>,
}

/// The routes.
pub fn router(engine: Handle, options: Options) -> Router {
    let news = News::new(engine.clone(), options.shutdown.clone());
    Router::new()
        .route("/v1/node", get(node::show))
        .route("/v1/intents", post(intents::create))
        .route("/v1/intents/{id}", get(intents::show))
        .route("/v1/intents/{id}/quote", post(intents::quote))
        .route("/v1/intents/{id}/submissions", post(intents::submit))
        .route("/v1/intents/{id}/refunds", post(intents::refund))
        .route("/v1/intents/{id}/why", get(why::show))
        .route("/v1/accounts/{id}", get(accounts::show))
        .route("/v1/accounts/{id}/deposits", post(accounts::deposit))
        .route("/v1/accounts/{id}/withdrawals", post(withdrawals::create))
        .route("/v1/accounts/{id}/withdrawals/{key}", get(withdrawals::show))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(Api { engine, options, news, reading: Arc::new(Semaphore::new(MAX_READING)) })
}

async fn method_not_allowed(method: axum::http::Method, uri: axum::http::Uri) -> problem::Problem {
    problem::Problem::method_not_allowed(&method, uri.path())
}

/// The answer to somebody who asks too much, with how long to wait.
#[must_use]
pub fn too_many_requests(wait: Duration) -> axum::response::Response {
    use axum::response::IntoResponse;
    problem::Problem::too_many_requests(wait).into_response()
}

/// The answer to a path that nothing serves.
pub async fn not_found(uri: axum::http::Uri) -> axum::response::Response {
    use axum::response::IntoResponse;
    problem::Problem::not_found(uri.path()).into_response()
}
