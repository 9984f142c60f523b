//! The engine's refusals in the protocol's words (protocol e.3).

use quittance_core::ids::IntentId;
use quittance_core::rejection::{Rejection, RejectionCode};
use quittance_core::state::Status as IntentStatus;
use quittance_runtime::Error;

use crate::envelope::Method;
use crate::status::{Code, Status};
use crate::submission::Refused;

/// Why the engine did not do what was asked about `intent`.
pub(super) fn failed(error: Error, intent: IntentId) -> Status {
    match error {
        Error::Rejected(rejection) => rejected(&rejection, intent),
        Error::Full(_) => full(),
        // What stopped it, or what its disk does, is the operator's business.
        Error::Unreadable(error) => {
            tracing::error!(%error, %intent, "a request could not be answered");
            unavailable("the node cannot answer for this intent; try again later")
        }
        Error::Failed(_) | Error::Stopped => unavailable("the node takes no requests; try again later"),
    }
}

/// Why the engine did not answer a question that is about no intent.
pub(super) fn unanswered(error: Error) -> Status {
    match error {
        Error::Unreadable(error) => {
            tracing::error!(%error, "a question could not be answered");
            unavailable("the node cannot answer; try again later")
        }
        Error::Rejected(rejection) => Status::invalid_argument(rejection),
        Error::Full(_) => full(),
        Error::Failed(_) | Error::Stopped => unavailable("the node takes no requests; try again later"),
    }
}

/// A known call that this node does not answer.
pub(super) fn not_available(method: Method) -> Status {
    let (service, method) = (method.service_name(), method.method_name());
    unimplemented(&format!("{service}.{method}"))
}

/// A part of the protocol that this node does not offer.
pub(super) fn unimplemented(what: &str) -> Status {
    Status::new(Code::Unimplemented, format!("{what} is not available on this node"))
}

/// The node is going away or has stopped.
pub(super) fn unavailable(text: &str) -> Status {
    Status::new(Code::Unavailable, text)
}

/// The node's disk is full: nothing was done.
pub(super) fn full() -> Status {
    unavailable("the node's disk is full; nothing was done, try again once its operator has made room")
}

/// A repeated request differs from the first.
pub(super) fn mismatch(what: &str) -> Status {
    Status::invalid_argument(format!("{what} mismatches original request"))
}

/// A payment was accepted already.
pub(super) fn submitted() -> Status {
    Status::invalid_argument("client submitted intent")
}

fn rejected(rejection: &Rejection, intent: IntentId) -> Status {
    use RejectionCode as Rule;
    match rejection.code {
        Rule::SignatureInvalid => Status::unauthenticated(),
        Rule::NodeOverloaded => {
            Status::new(Code::ResourceExhausted, "the node is busy; try again in a moment")
        }
        Rule::NodeNotInitialized => unavailable("the node is starting; try again in a moment"),
        Rule::IntentNotFound => {
            Status::new(Code::NotFound, format!("no payment request with intent id {intent}"))
        }
        Rule::IntentAlreadySubmitted => submitted(),
        Rule::TermsMismatch => terms_mismatch(rejection),
        Rule::FeeIsForDestination => {
            let index = index(&rejection.field).unwrap_or_default();
            let why = "is the payment destination and should be omitted";
            Status::invalid_argument(format!("fee taker at index {index} {why}"))
        }
        Rule::FeeDestinationRepeated => {
            let index = index(&rejection.field).unwrap_or_default();
            let why = "appears multiple times and should be merged";
            Status::invalid_argument(format!("fee taker at index {index} {why}"))
        }
        Rule::FeesExceedLimit => {
            let cap = rejection.expected.trim_start_matches("at most ").trim_end_matches(" bps");
            Status::invalid_argument(format!("total fee percentage cannot exceed {cap} basis points"))
        }
        _ => Status::invalid_argument(rejection),
    }
}

/// Why the engine did not carry out what was submitted about `intent` (protocol d.8, e.6).
pub(super) fn submission(error: Error, intent: IntentId) -> Refused {
    use RejectionCode as Rule;
    let Error::Rejected(rejection) = &error else { return failed(error, intent).into() };
    match rejection.code {
        Rule::IntentAlreadySubmitted | Rule::IntentFailed => closed(IntentStatus::Scheduled),
        Rule::IntentCanceled => closed(IntentStatus::Canceled),
        Rule::IntentExpired => closed(IntentStatus::Expired),
        Rule::IntentRejected => closed(IntentStatus::Rejected),
        Rule::RateNotKnown => Refused::stale("fiat exchange rate is stale"),
        Rule::RelationshipOwnerUnknown => Refused::denied("owner has no account on this node"),
        Rule::RelationshipsTooMany => Refused::denied("too many relationships"),
        Rule::RelationshipMismatch => {
            Refused::stale(format!("another relationship account exists: {rejection}"))
        }
        Rule::AmountExceedsLimit | Rule::PayerDailyAmountExceeded | Rule::MerchantDailyAmountExceeded => {
            Refused::denied("dollar value exceeds limit")
        }
        Rule::PayerPaymentsTooFrequent | Rule::MerchantPaymentsTooFrequent => {
            Refused::denied("too many payments")
        }
        Rule::FundsInsufficient => Refused::invalid("insufficient balance to perform action"),
        Rule::PayerIsDestination => Refused::invalid("payment cannot be made to the payer's own account"),
        // The protocol has one word for everything that passes by itself (d.8).
        Rule::NodeOverloaded => unavailable("the node is busy; try again in a moment").into(),
        Rule::SignatureInvalid | Rule::NodeNotInitialized => failed(error, intent).into(),
        _ => Refused::invalid(rejection.to_string()),
    }
}

/// The intent takes no payment any more.
pub(super) fn closed(status: IntentStatus) -> Refused {
    Refused::stale(match status {
        IntentStatus::Canceled => "payment request was canceled",
        IntentStatus::Expired => "payment request has expired",
        IntentStatus::Rejected => "payment request was rejected",
        IntentStatus::Created
        | IntentStatus::Submitted
        | IntentStatus::Verified
        | IntentStatus::Scheduled
        | IntentStatus::Confirmed
        | IntentStatus::Failed => "intent already exists",
    })
}

fn terms_mismatch(rejection: &Rejection) -> Status {
    match (rejection.field.as_str(), index(&rejection.field)) {
        ("currency", _) => mismatch("exchange currency"),
        ("amount", _) => mismatch("native amount"),
        ("payment", _) => {
            let asks = if rejection.expected == "none" { "doesn't require" } else { "requires" };
            Status::invalid_argument(format!("original request {asks} payment"))
        }
        ("site.domain", _) => mismatch("domain"),
        ("site.verifier", _) if rejection.expected == "none" => {
            Status::invalid_argument("original request isn't verified")
        }
        ("site.verifier", _) if rejection.got == "none" => {
            Status::invalid_argument("original request is verified")
        }
        // The reference compares whether there is one; here it is part of the terms.
        ("site.verifier", _) => mismatch("verifier"),
        ("fees", _) => {
            let original = &rejection.expected;
            Status::invalid_argument(format!("original request configured {original} fee takers"))
        }
        (field, Some(index)) if field.ends_with(".destination") => {
            mismatch(&format!("destination for fee at index {index}"))
        }
        (_, Some(index)) => mismatch(&format!("basis points for fee at index {index}")),
        (field, None) => mismatch(field),
    }
}

/// 1 in `fees[1].destination`.
pub(super) fn index(field: &str) -> Option<usize> {
    field.split_once('[')?.1.split_once(']')?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lost if this fails: an app takes a node that is busy for one that refuses the payment for good.
    #[test]
    fn a_busy_node_is_unavailable_to_those_who_pay() {
        let busy =
            || Error::Rejected(Rejection::new(RejectionCode::NodeOverloaded, "", "room", "a full queue"));
        let intent = IntentId([1; 32]);
        let told = submission(busy(), intent).into_response().map_err(|status| status.code);
        assert_eq!(told, Err(Code::Unavailable));
        assert_eq!(failed(busy(), intent).code, Code::ResourceExhausted);
    }
}
