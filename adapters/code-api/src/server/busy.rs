use std::time::Duration;

use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};

use super::{envelope_http, json_v1, places};

/// The answer to somebody who asks too much, in the words of the protocol that the request speaks, with how long to wait. `None`
/// for a request to none of [`router`](super::router)'s routes.
#[must_use]
pub fn too_many_requests(request: &Request, wait: Duration) -> Option<Response> {
    let status = places::too_much(wait);
    let path = request.uri().path();
    let kind = request.headers().get(header::CONTENT_TYPE);
    let is_grpc = kind.and_then(|kind| kind.to_str().ok()).is_some_and(|k| k.starts_with("application/grpc"));
    let mut response = if is_grpc {
        // Without a message the whole answer is in the head, also for browsers.
        let refused = tonic::Status::resource_exhausted(&status.text);
        let mut response = refused.into_http::<tonic::body::Body>().map(axum::body::Body::new);
        response.headers_mut().extend(kind.map(|kind| (header::CONTENT_TYPE, kind.clone())));
        response
    } else if json_v1::PATHS.contains(&path) {
        json_v1::Refusal::from(status).into_response()
    } else if is_envelope(path, request) {
        envelope_http::refused(&status)
    } else {
        return None;
    };
    let seconds = HeaderValue::from(wait.as_secs() + 1);
    response.headers_mut().insert(header::RETRY_AFTER, seconds);
    Some(response)
}

fn is_envelope(path: &str, request: &Request) -> bool {
    let upgrade = request.headers().contains_key(header::UPGRADE);
    path.trim_end_matches('/').ends_with("/api") || (path == "/" && upgrade)
}
