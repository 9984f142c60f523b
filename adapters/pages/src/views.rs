//! What the official elements frame in a merchant's page: button, modal and full page, for payments and logins (protocol g.1).
//!
//! The options of a view stand behind the `#` of its address, so nothing about a payment is known here: these pages are the
//! same for everybody.

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::headers::{CROSS_ORIGIN_RESOURCE_POLICY, Purpose};
use crate::page::page;
use crate::{Pages, assets};

/// What an element asks for. Tips have no request, hence nothing that this node could be asked.
const MODES: [&str; 2] = ["payment", "login"];

/// Puts the views where the published package looks for them below `/v1/elements`, and the script that makes it look here.
pub(crate) fn routes() -> Router<Pages> {
    let mut router = Router::new().route("/v1/elements/here.js", get(here));
    for mode in MODES {
        let button = get(move || async move { page(StatusCode::OK, Purpose::View, &Button { mode }) });
        router = both(router, &format!("{mode}-request-button"), button);
        for kind in ["modal", "page"] {
            for device in ["desktop", "mobile"] {
                let request = get(move |State(pages): State<Pages>| async move {
                    let wallet = pages.options.dev.then_some(crate::wallet::PATH);
                    page(StatusCode::OK, Purpose::View, &Request { mode, kind, device, wallet })
                });
                router = both(router, &format!("{mode}-request-{kind}-{device}"), request);
            }
        }
    }
    router
}

/// With and without the slash at the end: the package writes it, people forget it.
fn both(router: Router<Pages>, name: &str, method: axum::routing::MethodRouter<Pages>) -> Router<Pages> {
    let path = format!("/v1/elements/{name}");
    router.route(&format!("{path}/"), method.clone()).route(&path, method)
}

/// Not kept for ever: its address is the same for each version of the node. Any page may load it, even one that isolates itself.
async fn here() -> Response {
    let Some(script) = assets::bytes("here.js") else { return StatusCode::NOT_FOUND.into_response() };
    let headers = [
        (CONTENT_TYPE, "text/javascript; charset=utf-8"),
        (CACHE_CONTROL, "public, max-age=300"),
        (ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (CROSS_ORIGIN_RESOURCE_POLICY, "cross-origin"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, script).into_response()
}

#[derive(Template)]
#[template(path = "view_button.html")]
struct Button {
    mode: &'static str,
}

#[derive(Template)]
#[template(path = "view_request.html")]
struct Request {
    mode: &'static str,
    /// `modal` or `page`.
    kind: &'static str,
    /// `desktop` or `mobile`.
    device: &'static str,
    /// Where this node's own wallet is, if it has one.
    wallet: Option<&'static str>,
}
