//! Giving back what was paid.

use alloc::vec;

use super::{Decision, as_seen, known};
use crate::command::SignedRefund;
use crate::event::{Event, SignatureRule};
use crate::lifecycle::closed;
use crate::money::Quarks;
use crate::rejection::{Rejection, RejectionCode};
use crate::state::{Intent, State, Status};

pub(super) fn refund(state: &State, signed: &SignedRefund) -> Result<Decision, Rejection> {
    let SignedRefund { refund, signature, expected } = *signed;
    let intent = known(state, refund.intent)?;
    let original = intent.refund(refund.transaction());
    if let Some(original) = original.filter(|original| original.refund == refund) {
        return Ok(Decision::repeated(Some(refund.intent), original.scheduled));
    }
    as_seen(intent, expected)?;
    match intent.status() {
        Status::Confirmed => {}
        status @ (Status::Created | Status::Submitted | Status::Verified | Status::Scheduled) => {
            let code = RejectionCode::IntentNotConfirmed;
            return Err(Rejection::new(code, "intent", "a confirmed intent", status.name()));
        }
        status @ (Status::Canceled | Status::Expired | Status::Rejected | Status::Failed) => {
            return Err(Rejection::new(closed(status), "intent", "a confirmed intent", status.name()));
        }
    }
    if state.node() != Some(refund.node) {
        let expected = state.node().map(|node| alloc::format!("{node}")).unwrap_or_default();
        return Err(Rejection::new(RejectionCode::NodeMismatch, "node", expected, refund.node));
    }
    if refund.quarks == Quarks::ZERO {
        let code = RejectionCode::QuarksMustNotBeZero;
        return Err(Rejection::new(code, "quarks", "more than zero", refund.quarks));
    }
    if let Some(original) = original {
        // The key and the intent are the same, or it would be another transaction; merchant and node are checked elsewhere.
        let expected = alloc::format!("{}", original.refund.quarks);
        return Err(Rejection::new(RejectionCode::RefundMismatch, "quarks", expected, refund.quarks));
    }
    let Some(terms) = intent.terms() else {
        let expected = "an intent that asked for a payment";
        return Err(Rejection::new(RejectionCode::PaymentNotRequested, "intent", expected, refund.intent));
    };
    if refund.merchant != terms.destination {
        let code = RejectionCode::RefundSignerNotDestination;
        let expected = alloc::format!("{}", terms.destination);
        return Err(Rejection::new(code, "merchant", expected, refund.merchant));
    }
    let left = left_of_payment(intent);
    if refund.quarks > left {
        let code = RejectionCode::RefundExceedsPayment;
        return Err(Rejection::new(code, "quarks", ("at most", left), refund.quarks));
    }
    let most = usize::from(state.policy().max_refunds);
    if intent.refunds.len() >= most {
        let code = RejectionCode::RefundsTooMany;
        return Err(Rejection::new(code, "intent", ("fewer refunds than", most), intent.refunds.len()));
    }
    let available = state.ledger().account(&refund.merchant).available();
    if available < refund.quarks {
        let code = RejectionCode::RefundFundsInsufficient;
        let expected = ("available funds of at least", refund.quarks);
        return Err(Rejection::new(code, "merchant", expected, available));
    }
    // After this point it succeeds.
    let rule = SignatureRule::Ed25519VerifyStrict;
    Ok(Decision::new(
        Some(refund.intent),
        vec![Event::RefundScheduled { refund: refund.into(), signature, rule }],
    ))
}

/// What the payer paid and has not been, and will not be, given back.
fn left_of_payment(intent: &Intent) -> Quarks {
    let paid = intent.submission().and_then(|submission| submission.payment.total()).unwrap_or_default();
    paid.checked_sub(intent.refunded()).unwrap_or_default()
}
