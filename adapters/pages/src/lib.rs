//! The pages that people see.
//!
//! | | |
//! |---|---|
//! | `GET /checkout/{id}?code=SECRET` | a request for a payment, for merchants without the SDK |
//! | `GET /intents/{id}/story` | what happened to an intent: who told whom what, with places in the log |
//! | `GET /intents/{id}/story/arrows` | the same as JSON |
//! | `GET /v1/elements/…` | what the official elements frame in a merchant's page, and `here.js`, which makes them |
//! | `GET /wallet` | the payer's app, with [`Options::dev`] alone |
//! | `GET /shop` | a shop to try a payment in, with [`Options::shop`] alone |
//! | `GET /assets/{hash}/{name}` | their style sheets and scripts |
//!
//! Templates and scripts are part of the program: nothing is built for them, and nothing is loaded from elsewhere.

mod assets;
mod checkout;
mod figures;
mod headers;
mod language;
mod origin;
mod page;
mod problem;
mod shop;
mod story;
mod texts;
mod views;
mod wallet;

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use quittance_core::currency::Currency;
use quittance_core::ids::IntentId;
use quittance_core::money::NativeAmount;
use quittance_core::state::Asked;
use quittance_runtime::Handle;
use tokio::sync::Semaphore;

pub use shop::{Answer, Elements, Order, Ordered, Shop};

/// Histories that may be read from the log at a time.
const MAX_READING: usize = 4;

/// How the pages are served.
#[derive(Clone, Debug)]
pub struct Options {
    /// For trying things out: payers are told that the money is made up, and merchants may be on this machine.
    pub dev: bool,
    /// What only the protocol can say.
    pub protocol: Protocol,
    /// The demo's shop, if there is to be one.
    pub shop: Option<Shop>,
}

/// What pages need of the protocol: functions, since adapters do not know each other.
#[derive(Clone, Copy, Debug)]
pub struct Protocol {
    /// The drawn code of an intent (protocol a.6) as SVG, from what it asks for and its client secret, with a title for those who
    /// cannot see it. `None` when the code made of them is not that of the intent (protocol a.5).
    pub ring_code: fn(id: IntentId, asked: &Asked, client_secret: &str, title: &str) -> Option<String>,
    /// The link that opens a payer's app on the same device with this request (protocol g.5): from the node's host and port, what
    /// the intent asks for, its client secret, and where to go afterwards. `None` where [`Self::ring_code`] has none, and for
    /// what an app cannot be asked so.
    pub app_link: fn(
        host: &str,
        id: IntentId,
        asked: &Asked,
        client_secret: &str,
        onward: &Onward<'_>,
    ) -> Option<String>,
    /// A QR code of a link as SVG, with a title. `None` when the link is too long for one.
    pub qr_code: fn(link: &str, title: &str) -> Option<String>,
    /// An amount as decimal text in the currency's major unit, with as many decimals as the currency has.
    pub amount: fn(Currency, NativeAmount) -> String,
}

/// Where a payer goes on to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Onward<'a> {
    /// Once it is paid.
    pub success: Option<&'a str>,
    /// Once it has ended otherwise.
    pub cancel: Option<&'a str>,
}

#[derive(Clone, Debug)]
struct Pages {
    engine: Handle,
    options: Options,
    reading: Arc<Semaphore>,
}

/// The routes.
pub fn router(engine: Handle, options: Options) -> Router {
    let shop = options.shop.clone().map(shop::routes).unwrap_or_default();
    let wallet = if options.dev { wallet::routes() } else { Router::new() };
    Router::new()
        .route("/assets/{hash}/{*name}", get(assets::serve))
        .route("/checkout/{id}", get(checkout::show))
        .route("/intents/{id}/story", get(story::show))
        .route("/intents/{id}/story/arrows", get(story::arrows))
        .merge(views::routes())
        .merge(wallet)
        .merge(shop)
        .with_state(Pages { engine, options, reading: Arc::new(Semaphore::new(MAX_READING)) })
}
