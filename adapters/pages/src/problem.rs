//! Pages for what went wrong.

use std::fmt::Display;

use askama::Template;
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;

use crate::headers::Purpose;
use crate::language::Language;
use crate::page::page;

/// What a person is told who cannot be shown what they asked for.
#[derive(Debug, Template)]
#[template(path = "problem.html")]
pub(crate) struct Problem {
    status: StatusCode,
    language: Language,
    heading: &'static str,
    why: &'static str,
    /// For whoever made the link.
    detail: String,
    /// When it is worth another try, in seconds.
    retry_after: Option<u16>,
}

impl Problem {
    pub(crate) fn not_found(language: Language) -> Self {
        let texts = language.texts();
        Self::new(StatusCode::NOT_FOUND, language, texts.not_found, texts.not_found_why, String::new())
    }

    pub(crate) fn bad_link(language: Language, detail: String) -> Self {
        let texts = language.texts();
        Self::new(StatusCode::BAD_REQUEST, language, texts.bad_link, texts.bad_link_why, detail)
    }

    /// The node cannot do its work; why is in the operator's log.
    pub(crate) fn unavailable(language: Language, error: &dyn Display) -> Self {
        tracing::error!(%error, "a page could not be shown");
        let texts = language.texts();
        let status = StatusCode::SERVICE_UNAVAILABLE;
        Self::new(status, language, texts.unavailable, texts.unavailable_why, String::new())
    }

    /// Too many ask for the same; nothing is wrong.
    pub(crate) fn busy(language: Language, retry_after: u16) -> Self {
        let texts = language.texts();
        let status = StatusCode::SERVICE_UNAVAILABLE;
        let problem = Self::new(status, language, texts.unavailable, texts.unavailable_why, String::new());
        Self { retry_after: Some(retry_after), ..problem }
    }

    fn new(
        status: StatusCode,
        language: Language,
        heading: &'static str,
        why: &'static str,
        detail: String,
    ) -> Self {
        Self { status, language, heading, why, detail, retry_after: None }
    }

    pub(crate) fn into_page(self) -> Response {
        let mut answer = page(self.status, Purpose::Page, &self);
        if let Some(seconds) = self.retry_after {
            answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        answer
    }
}
