//! The demo's shop: three things, each with the official element for a pay button where the operator has its package, and with
//! hosted checkout for everybody.
//!
//! It is a merchant like any other: it asks for payments as a merchant's server does with an SDK, and believes the node, not the
//! browser that comes back.

mod goods;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use askama::Template;
use axum::extract::rejection::{FormRejection, PathRejection, QueryRejection};
use axum::extract::{DefaultBodyLimit, Extension, Form, Path, Query, State};
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use quittance_core::ids::{AccountId, IntentId};
use quittance_core::state::{Key, State as Known, Status};
use serde::{Deserialize, Serialize};
use url::form_urlencoded;

use crate::Pages;
use crate::headers::{Purpose, secure};
use crate::language::Language;
use crate::origin::origin;
use crate::page::page;
use crate::problem::Problem;
use goods::{GOODS, Good};

/// The largest form, in bytes: the name of a thing.
const MAX_FORM_BYTES: usize = 1024;

/// What comes of an order.
pub type Answer = Pin<Box<dyn Future<Output = Result<Ordered, String>> + Send>>;

/// A shop for trying things out.
#[derive(Clone)]
pub struct Shop {
    /// Who is paid.
    pub destination: AccountId,
    /// Asks the node for a payment, over the wire. The text of a failure is shown.
    pub order: Arc<dyn Fn(Order) -> Answer + Send + Sync>,
    /// The official elements, if the operator has them.
    pub elements: Option<Elements>,
}

impl fmt::Debug for Shop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shop").field("destination", &self.destination).finish_non_exhaustive()
    }
}

/// What a customer buys.
#[derive(Clone, Copy, Debug)]
pub struct Order {
    /// Its price in US dollars, times 100.
    pub us_cents: u64,
}

/// A payment that was asked for.
#[derive(Clone, Debug)]
pub struct Ordered {
    /// The intent.
    pub id: IntentId,
    /// What its code is made from (protocol a.4).
    pub client_secret: String,
}

/// The published package, as scripts for a page.
#[derive(Clone)]
pub struct Elements {
    /// `elements.iife.js` of `@code-wallet/elements`.
    pub script: Bytes,
    /// What it is written with: Vue 3, the build for pages.
    pub vue: Bytes,
}

impl fmt::Debug for Elements {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Elements({} bytes)", self.script.len() + self.vue.len())
    }
}

pub(crate) fn routes(shop: Shop) -> Router<Pages> {
    Router::new()
        .route("/shop", get(show))
        .route("/shop/goods/{name}", get(good))
        .route("/shop/orders", post(order))
        .route("/shop/thanks", get(thanks))
        .route("/shop/scripts/{name}", get(script))
        .layer(DefaultBodyLimit::max(MAX_FORM_BYTES))
        .layer(Extension(shop))
}

#[derive(Template)]
#[template(path = "shop.html")]
struct Front;

async fn show() -> Response {
    page(StatusCode::OK, Purpose::Shop, &Front)
}

#[derive(Template)]
#[template(path = "shop_good.html")]
struct Counter {
    good: &'static Good,
    destination: String,
    has_elements: bool,
}

async fn good(
    Extension(shop): Extension<Shop>,
    name: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Response {
    let name = name.map(|Path(name)| name).unwrap_or_default();
    let Some(good) = Good::named(&name) else {
        return Problem::not_found(Language::choose(None, &headers)).into_page();
    };
    let (destination, has_elements) = (shop.destination.to_string(), shop.elements.is_some());
    page(StatusCode::OK, Purpose::Shop, &Counter { good, destination, has_elements })
}

#[derive(Debug, Deserialize)]
struct Basket {
    good: String,
}

/// What the shop's own script hears.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Receipt {
    id: String,
    client_secret: String,
}

/// An order: for the shop's script as JSON, for a form as the way to checkout.
async fn order(
    Extension(shop): Extension<Shop>,
    headers: HeaderMap,
    uri: Uri,
    basket: Result<Form<Basket>, FormRejection>,
) -> Response {
    let language = Language::choose(None, &headers);
    let basket = match basket {
        Ok(Form(basket)) => basket,
        Err(error) => return Problem::bad_link(language, error.body_text()).into_page(),
    };
    let Some(good) = Good::named(&basket.good) else {
        let names: Vec<_> = GOODS.iter().map(|good| good.name).collect();
        let got: String = basket.good.chars().take(64).collect();
        let detail = format!("good: expected one of {}, got {got}", names.join(", "));
        return Problem::bad_link(language, detail).into_page();
    };
    let ordered = match (shop.order)(Order { us_cents: good.us_cents }).await {
        Ok(ordered) => ordered,
        Err(error) => return Problem::unavailable(language, &error).into_page(),
    };
    let (id, client_secret) = (ordered.id.to_string(), ordered.client_secret);
    if headers.get(ACCEPT).is_some_and(|accepted| accepted == "application/json") {
        let mut answer = Json(Receipt { id, client_secret }).into_response();
        secure(answer.headers_mut(), Purpose::Shop);
        return answer;
    }
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("code", &client_secret);
    if let Some(origin) = origin(&headers, &uri) {
        query.append_pair("success_url", &format!("{origin}/shop/thanks?intent={id}"));
        query.append_pair("cancel_url", &format!("{origin}/shop"));
    }
    let mut answer = Redirect::to(&format!("/checkout/{id}?{}", query.finish())).into_response();
    // Its address has the client secret in it.
    secure(answer.headers_mut(), Purpose::Shop);
    answer
}

#[derive(Debug, Deserialize)]
struct Came {
    intent: String,
}

#[derive(Template)]
#[template(path = "shop_thanks.html")]
struct Thanks {
    intent: String,
    is_paid: bool,
}

async fn thanks(
    State(pages): State<Pages>,
    came: Result<Query<Came>, QueryRejection>,
    headers: HeaderMap,
) -> Response {
    let language = Language::choose(None, &headers);
    let id = came.ok().and_then(|Query(came)| came.intent.parse::<IntentId>().ok());
    let Some(id) = id else { return Problem::not_found(language).into_page() };
    let look = move |known: &Known| {
        known.intent(&id).map(|intent| intent.is_submitted() && intent.status() != Status::Failed)
    };
    match pages.engine.query_about(Key::Intent(id), look).await {
        Ok(Some(is_paid)) => page(StatusCode::OK, Purpose::Shop, &Thanks { intent: id.to_string(), is_paid }),
        Ok(None) => Problem::not_found(language).into_page(),
        Err(error) => Problem::unavailable(language, &error).into_page(),
    }
}

async fn script(Extension(shop): Extension<Shop>, Path(name): Path<String>) -> Response {
    let script = shop.elements.as_ref().and_then(|elements| match name.as_str() {
        "vue.js" => Some(elements.vue.clone()),
        "elements.js" => Some(elements.script.clone()),
        _ => None,
    });
    let Some(script) = script else { return (StatusCode::NOT_FOUND, "no such script").into_response() };
    let mut answer = ([(CONTENT_TYPE, "text/javascript; charset=utf-8")], script).into_response();
    secure(answer.headers_mut(), Purpose::Shop);
    answer
}
