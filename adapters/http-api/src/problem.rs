//! Failures as HTTP: a status and a [`document::Problem`].

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use quittance_core::rejection::{Class, Rejection, RejectionCode};
use quittance_runtime::Error;

use crate::document;

/// A failure on its way out.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    body: document::ProblemDetail,
}

impl Problem {
    /// The request itself is at fault, before any rule was asked.
    pub(crate) fn malformed(field: &str, expected: impl ToString, got: impl ToString) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "request_malformed", field, expected.to_string(), got.to_string())
    }

    /// This node does not offer it.
    pub(crate) fn forbidden(expected: &str, got: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, "operation_forbidden", "", expected.into(), got.into())
    }

    /// Nothing is served there.
    pub(crate) fn not_found(path: &str) -> Self {
        let got = path.chars().take(128).collect();
        let expected = "a path of the API, such as /v1/intents/{id}".into();
        Self::new(StatusCode::NOT_FOUND, "path_not_found", "path", expected, got)
    }

    /// Something is served there, but not so.
    pub(crate) fn method_not_allowed(method: &Method, path: &str) -> Self {
        let path = path.chars().take(128).collect::<String>();
        let expected = format!("another method for {path}");
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method_not_allowed",
            "method",
            expected,
            method.to_string(),
        )
    }

    fn new(status: StatusCode, code: &str, field: &str, expected: String, got: String) -> Self {
        let mut message = code.replace('_', " ");
        for (lead, part) in [(": ", field), (": expected ", &expected), (", got ", &got)] {
            if !part.is_empty() {
                message.push_str(lead);
                message.push_str(part);
            }
        }
        let body = document::ProblemDetail {
            code: code.into(),
            number: None,
            message,
            field: field.into(),
            expected,
            got,
            retry: false,
        };
        Self { status, body }
    }
}

impl From<Rejection> for Problem {
    fn from(rejection: Rejection) -> Self {
        let code = rejection.code;
        let message = rejection.to_string();
        let Rejection { field, expected, got, .. } = rejection;
        let body = document::ProblemDetail {
            code: code.name().into(),
            number: Some(code.number()),
            message,
            field,
            expected,
            got,
            retry: code.class() == Class::Transient,
        };
        Self { status: status(code), body }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Rejected(rejection) => rejection.into(),
            Error::Failed(_) | Error::Stopped => {
                // What failed is in the operator's log; strangers need not know its paths.
                tracing::error!(%error, "a request could not be answered");
                let (code, expected) = ("node_unavailable", "a running node".into());
                let mut problem =
                    Self::new(StatusCode::SERVICE_UNAVAILABLE, code, "", expected, String::new());
                problem.body.retry = true;
                problem
            }
        }
    }
}

impl From<JsonRejection> for Problem {
    fn from(rejection: JsonRejection) -> Self {
        let mut problem = Self::malformed("body", "a JSON object of this call's form", rejection.body_text());
        problem.status = rejection.status();
        problem
    }
}

impl From<PathRejection> for Problem {
    fn from(rejection: PathRejection) -> Self {
        Self::malformed("path", "percent-encoded UTF-8", rejection.body_text())
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        Self::malformed("query", "after and wait_ms as whole numbers", rejection.body_text())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let busy = self.status == StatusCode::SERVICE_UNAVAILABLE;
        let mut response = (self.status, Json(document::Problem { error: self.body })).into_response();
        if busy {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

fn status(code: RejectionCode) -> StatusCode {
    match code {
        RejectionCode::SignatureInvalid => StatusCode::UNAUTHORIZED,
        RejectionCode::SignedBytesTooLong
        | RejectionCode::PayloadMalformed
        | RejectionCode::PayloadIntentMismatch
        | RejectionCode::PayloadPayerMismatch => StatusCode::BAD_REQUEST,
        RejectionCode::NodeOverloaded | RejectionCode::NodeNotInitialized => StatusCode::SERVICE_UNAVAILABLE,
        RejectionCode::IntentNotFound | RejectionCode::TransactionNotFound => StatusCode::NOT_FOUND,
        RejectionCode::TermsMismatch
        | RejectionCode::DepositMismatch
        | RejectionCode::IntentAlreadySubmitted
        | RejectionCode::IntentCanceled
        | RejectionCode::IntentExpired
        | RejectionCode::IntentRejected
        | RejectionCode::IntentFailed => StatusCode::CONFLICT,
        RejectionCode::FundsInsufficient => StatusCode::PAYMENT_REQUIRED,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    }
}
