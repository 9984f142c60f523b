//! The payer's app as a page, on nodes for trying things out. It signs in the browser; the node sees no key.

use askama::Template;
use axum::Router;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::Pages;
use crate::headers::Purpose;
use crate::page::page;

/// Where it is.
pub(crate) const PATH: &str = "/wallet";

/// The page and the words that keys are written down as. To be merged on nodes for trying things out alone.
pub(crate) fn routes() -> Router<Pages> {
    Router::new()
        .route(PATH, get(|| async { page(StatusCode::OK, Purpose::Wallet, &Wallet) }))
        .route("/wallet/words.txt", get(words))
}

/// The English words of BIP-39, one a line.
async fn words() -> Response {
    let headers = [
        (CONTENT_TYPE, "text/plain; charset=utf-8"),
        (CACHE_CONTROL, "public, max-age=86400"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, bip39::Language::English.word_list().join("\n")).into_response()
}

#[derive(Template)]
#[template(path = "wallet.html")]
struct Wallet;
