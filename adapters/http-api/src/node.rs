use axum::Json;
use axum::extract::State;

use crate::{Api, document};

pub(crate) async fn show(State(api): State<Api>) -> Json<document::Node> {
    Json(document::Node {
        node: api.engine.node().to_string(),
        version: env!("CARGO_PKG_VERSION").into(),
        position: api.engine.durable().0,
        dev: api.options.dev,
    })
}
