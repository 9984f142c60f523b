//! Failures as HTTP: a status and a [`document::Problem`].

use std::time::Duration;

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use quittance_core::rejection::{Class, Rejection, RejectionCode};
use quittance_runtime::Error;

use crate::document;

/// The code for a node that takes no writes because its disk is full.
const STORE_FULL: &str = "store_full";

/// A failure on its way out.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    body: document::ProblemDetail,
    /// How long to wait, in seconds, where that does not follow from the rest.
    after: Option<u64>,
}

impl Problem {
    /// The request itself is at fault, before any rule was asked.
    pub(crate) fn malformed(field: &str, expected: impl ToString, got: impl ToString) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "request_malformed", field, expected.to_string(), got.to_string())
    }

    /// An account that this node has never heard of would be paid.
    pub(crate) fn unknown_destination(field: &str, got: impl ToString) -> Self {
        let expected = "an account that this node lists, or that has held something here";
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        Self::new(status, "destination_unknown", field, expected.into(), got.to_string())
    }

    /// More records than one answer can explain.
    pub(crate) fn too_long(most: usize) -> Self {
        let (expected, got) = (format!("an intent with at most {most} records"), "more".into());
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "history_too_long", "intent", expected, got)
    }

    /// The node cannot do its work; why is in the operator's log, since strangers need not know its paths.
    pub(crate) fn unavailable(error: &dyn std::fmt::Display) -> Self {
        tracing::error!(%error, "a request could not be answered");
        let (code, expected) = ("node_unavailable", "a running node".into());
        let mut problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, code, "", expected, String::new());
        problem.body.retry = true;
        problem
    }

    /// The node's disk is full. Nothing was done; how full, and where, is in the operator's log.
    fn full() -> Self {
        let expected = "room on the node's disk; nothing was done, ask again once its operator has made room";
        let status = StatusCode::SERVICE_UNAVAILABLE;
        let mut problem = Self::new(status, STORE_FULL, "", expected.into(), "a full disk".into());
        problem.body.retry = true;
        problem
    }

    /// Whoever asks has asked too much already.
    pub(crate) fn too_many_requests(wait: Duration) -> Self {
        let expected = format!("no request from this address for {} ms", wait.as_millis().max(1));
        let status = StatusCode::TOO_MANY_REQUESTS;
        let mut problem = Self::new(status, "requests_too_frequent", "", expected, "one".into());
        problem.body.retry = true;
        problem.after = Some(wait.as_secs() + 1);
        problem
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
        Self { status, body, after: None }
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
        Self { status: status(code), body, after: None }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Rejected(rejection) => rejection.into(),
            Error::Full(_) => Self::full(),
            Error::Unreadable(_) | Error::Failed(_) | Error::Stopped => Self::unavailable(&error),
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
        let after = match (self.after, self.body.code.as_str()) {
            (Some(seconds), _) => Some(HeaderValue::from(seconds)),
            // Until somebody has made room.
            (None, STORE_FULL) => Some(HeaderValue::from_static("10")),
            (None, _) => retry_after(self.status, self.body.number.and_then(RejectionCode::from_number))
                .map(HeaderValue::from_static),
        };
        let mut response = (self.status, Json(document::Problem { error: self.body })).into_response();
        if let Some(seconds) = after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        response
    }
}

/// When it is worth asking again, in seconds: the steps in which the windows of the limits slide.
fn retry_after(status: StatusCode, code: Option<RejectionCode>) -> Option<&'static str> {
    match (status, code) {
        (StatusCode::SERVICE_UNAVAILABLE, _) => Some("1"),
        (
            _,
            Some(
                RejectionCode::PayerDailyAmountExceeded
                | RejectionCode::MerchantDailyAmountExceeded
                | RejectionCode::WithdrawalDailyAmountExceeded,
            ),
        ) => Some("300"),
        (StatusCode::TOO_MANY_REQUESTS, _) => Some("10"),
        _ => None,
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
        RejectionCode::IntentNotFound
        | RejectionCode::TransactionNotFound
        | RejectionCode::WithdrawalNotFound => StatusCode::NOT_FOUND,
        RejectionCode::RevisionMismatch => StatusCode::PRECONDITION_FAILED,
        RejectionCode::RefundSignerNotDestination => StatusCode::FORBIDDEN,
        RejectionCode::TermsMismatch
        | RejectionCode::DepositMismatch
        | RejectionCode::IntentAlreadySubmitted
        | RejectionCode::IntentCanceled
        | RejectionCode::IntentExpired
        | RejectionCode::IntentRejected
        | RejectionCode::IntentFailed
        | RejectionCode::IntentNotConfirmed
        | RejectionCode::RefundMismatch
        | RejectionCode::RefundsTooMany
        | RejectionCode::WithdrawalMismatch
        | RejectionCode::SettlementContradicts
        | RejectionCode::TransactionAlreadyFinal
        | RejectionCode::AttemptOutOfOrder
        | RejectionCode::AttemptUnresolved
        | RejectionCode::AttemptsTooMany
        | RejectionCode::PaymentNotRequested
        | RejectionCode::WebhookMismatch
        | RejectionCode::WebhookNotArmed
        | RejectionCode::WebhookAttemptOutOfOrder
        | RejectionCode::LoginNotRequested
        | RejectionCode::LoginByPayment
        | RejectionCode::LoginMismatch
        | RejectionCode::RelationshipMismatch
        | RejectionCode::RelationshipsTooMany => StatusCode::CONFLICT,
        RejectionCode::FundsInsufficient
        | RejectionCode::RefundFundsInsufficient
        | RejectionCode::WithdrawalFundsInsufficient => StatusCode::PAYMENT_REQUIRED,
        RejectionCode::PayerDailyAmountExceeded
        | RejectionCode::PayerPaymentsTooFrequent
        | RejectionCode::MerchantDailyAmountExceeded
        | RejectionCode::MerchantPaymentsTooFrequent
        | RejectionCode::WithdrawalDailyAmountExceeded
        | RejectionCode::WithdrawalsTooFrequent
        | RejectionCode::RatesTooFrequent => StatusCode::TOO_MANY_REQUESTS,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every rule, by the status it is told with. Whoever adds a rule decides here how clients hear of it.
    const STATUSES: [(u16, &str); 10] = [
        (400, "signed_bytes_too_long payload_malformed payload_intent_mismatch payload_payer_mismatch"),
        (401, "signature_invalid"),
        (402, "funds_insufficient refund_funds_insufficient withdrawal_funds_insufficient"),
        (403, "refund_signer_not_destination"),
        (404, "intent_not_found transaction_not_found withdrawal_not_found"),
        (
            409,
            "intent_already_submitted intent_canceled intent_expired intent_rejected intent_failed terms_mismatch \
             intent_not_confirmed deposit_mismatch settlement_contradicts transaction_already_final \
             attempt_out_of_order attempt_unresolved attempts_too_many refund_mismatch refunds_too_many \
             withdrawal_mismatch payment_not_requested webhook_mismatch webhook_not_armed \
             webhook_attempt_out_of_order login_not_requested login_by_payment login_mismatch \
             relationship_mismatch relationships_too_many",
        ),
        (412, "revision_mismatch"),
        (
            422,
            "batch_too_large node_already_initialized intent_not_scheduled fees_too_many fee_is_for_destination \
             fee_destination_repeated fees_exceed_limit expiry_in_the_past expiry_too_far node_mismatch \
             payment_terms_mismatch quote_expired quote_validity_too_long rate_not_known amount_out_of_range \
             amount_below_fees transfers_mismatch payer_is_destination amount_exceeds_limit \
             quarks_must_not_be_zero balance_out_of_range rates_empty rate_of_kin_must_be_one rates_too_many \
             policy_out_of_range refund_exceeds_payment withdrawal_address_out_of_range \
             withdrawal_below_minimum webhook_url_out_of_range relationship_not_found \
             relationship_owner_unknown",
        ),
        (
            429,
            "payer_daily_amount_exceeded payer_payments_too_frequent merchant_daily_amount_exceeded \
             merchant_payments_too_frequent withdrawal_daily_amount_exceeded withdrawals_too_frequent \
             rates_too_frequent",
        ),
        (503, "node_overloaded node_not_initialized"),
    ];

    #[test]
    fn every_rule_has_a_status_and_those_that_time_heals_say_when_to_ask_again() {
        for code in RejectionCode::ALL {
            let listed = STATUSES.iter().find(|(_, codes)| codes.split(' ').any(|name| name == code.name()));
            let Some((status, _)) = listed else { panic!("{} has no status", code.name()) };
            let response = Problem::from(Rejection::new(*code, "field", "this", "that")).into_response();
            assert_eq!(response.status().as_u16(), *status, "{}", code.name());
            let after = response.headers().get(header::RETRY_AFTER).map(|value| value.to_str().unwrap());
            let expected = match (*status, code.name().contains("daily")) {
                (429, true) => Some("300"),
                (429, false) => Some("10"),
                (503, _) => Some("1"),
                _ => None,
            };
            assert_eq!(after, expected, "{}", code.name());
        }
    }
}
