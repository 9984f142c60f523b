//! Hosted checkout: a request for a payment as a page of its own, for merchants without the SDK and browsers without scripts.

mod link;
mod view;

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use quittance_core::ids::IntentId;
use quittance_core::state::{Key, State as Known};

use crate::Pages;
use crate::headers::Purpose;
use crate::language::Language;
use crate::origin::origin;
use crate::page::page;
use crate::problem::Problem;
use view::{Asker, Checkout};

pub(crate) async fn show(
    State(pages): State<Pages>,
    id: Result<Path<String>, PathRejection>,
    query: Result<Query<link::Query>, QueryRejection>,
    headers: HeaderMap,
    uri: Uri,
) -> Response {
    let query = query.map(|Query(query)| query);
    let asked = query.as_ref().ok().and_then(|query| query.lang.as_deref());
    let language = Language::choose(asked, &headers);
    let id = id.ok().and_then(|Path(id)| id.parse::<IntentId>().ok());
    let Some(id) = id else { return Problem::not_found(language).into_page() };
    let query = match query {
        Ok(query) => query,
        Err(error) => return Problem::bad_link(language, error.body_text()).into_page(),
    };
    let origin = origin(&headers, &uri);
    let rules = link::Rules { dev: pages.options.dev, origin: origin.as_deref() };
    let ways = match query.ways(id, rules) {
        Ok(ways) => ways,
        Err(error) => return Problem::bad_link(language, error.to_string()).into_page(),
    };
    let look = move |known: &Known| known.intent(&id).cloned();
    let intent = match pages.engine.query_about(Key::Intent(id), look).await {
        Ok(Some(intent)) => intent,
        Ok(None) => return Problem::not_found(language).into_page(),
        Err(error) => return Problem::unavailable(language, &error).into_page(),
    };
    let asker = Asker { language, query, ways, origin };
    let checkout = Checkout::of(id, &intent, &asker, &pages.options, pages.engine.now());
    page(StatusCode::OK, Purpose::Page, &checkout)
}
