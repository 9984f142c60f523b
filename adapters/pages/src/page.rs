//! A template as an answer.

use askama::Template;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use crate::headers::{Purpose, secure};

/// Renders a page with all its headers.
pub(crate) fn page(status: StatusCode, purpose: Purpose, template: &impl Template) -> Response {
    let mut answer = match template.render() {
        Ok(html) => (status, [(CONTENT_TYPE, "text/html; charset=utf-8")], html).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page could not be rendered");
            (StatusCode::INTERNAL_SERVER_ERROR, "this page could not be made").into_response()
        }
    };
    secure(answer.headers_mut(), purpose);
    answer
}
