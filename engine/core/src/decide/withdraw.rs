//! Taking quarks out of an account.

use alloc::vec;

use super::Decision;
use super::limits::{Movement, within};
use super::settle::{kept, weigh};
use crate::command::{SettlementOutcome, SignedWithdrawal};
use crate::event::{Event, SignatureRule};
use crate::ids::{AttemptNumber, Timestamp, TransactionId};
use crate::money::Quarks;
use crate::rejection::{Rejection, RejectionCode};
use crate::state::{Side, State};
use crate::withdrawal::{MAX_TO_BYTES, Withdrawal};

pub(super) fn withdraw(
    state: &State,
    signed: &SignedWithdrawal,
    now: Timestamp,
) -> Result<Decision, Rejection> {
    let SignedWithdrawal { withdrawal, signature } = signed;
    let original = state.withdrawal(&withdrawal.transaction());
    if let Some(original) = original.filter(|original| original.withdrawal == *withdrawal) {
        return Ok(Decision::repeated(None, original.scheduled));
    }
    if state.node() != Some(withdrawal.node) {
        let expected = state.node().map(|node| alloc::format!("{node}")).unwrap_or_default();
        return Err(Rejection::new(RejectionCode::NodeMismatch, "node", expected, withdrawal.node));
    }
    if withdrawal.quarks == Quarks::ZERO {
        let code = RejectionCode::QuarksMustNotBeZero;
        return Err(Rejection::new(code, "quarks", "more than zero", withdrawal.quarks));
    }
    if let Some(original) = original {
        return Err(mismatch(&original.withdrawal, withdrawal));
    }
    if withdrawal.to.is_empty() || withdrawal.to.len() > MAX_TO_BYTES {
        let code = RejectionCode::WithdrawalAddressOutOfRange;
        let got = alloc::format!("{} bytes", withdrawal.to.len());
        return Err(Rejection::new(code, "to", alloc::format!("1 to {MAX_TO_BYTES} bytes"), got));
    }
    let least = state.policy().min_withdrawal;
    if withdrawal.quarks < least {
        let code = RejectionCode::WithdrawalBelowMinimum;
        return Err(Rejection::new(code, "quarks", ("at least", least), withdrawal.quarks));
    }
    let available = state.ledger().account(&withdrawal.account).available();
    if available < withdrawal.quarks {
        let code = RejectionCode::WithdrawalFundsInsufficient;
        let expected = ("available funds of at least", withdrawal.quarks);
        return Err(Rejection::new(code, "account", expected, available));
    }
    let (account, quarks) = (withdrawal.account, withdrawal.quarks);
    let codes = (RejectionCode::WithdrawalDailyAmountExceeded, RejectionCode::WithdrawalsTooFrequent);
    let out = Movement { side: Side::Owner, account, quarks };
    within(state, state.policy().withdrawal_limits, &out, "account", codes, now)?;
    // After this point it succeeds.
    let (withdrawal, signature) = (withdrawal.clone(), *signature);
    let rule = SignatureRule::Ed25519VerifyStrict;
    Ok(Decision::new(
        None,
        vec![Event::WithdrawalScheduled { withdrawal: withdrawal.into(), signature, rule }],
    ))
}

/// Which field differs between two withdrawals of one account and key, for this node.
fn mismatch(original: &Withdrawal, got: &Withdrawal) -> Rejection {
    let code = RejectionCode::WithdrawalMismatch;
    if original.quarks != got.quarks {
        return Rejection::new(code, "quarks", alloc::format!("{}", original.quarks), got.quarks);
    }
    Rejection::new(code, "to", original.to.as_str(), kept(&got.to))
}

pub(super) fn report(
    state: &State,
    transaction: TransactionId,
    attempt: AttemptNumber,
    outcome: &SettlementOutcome,
) -> Result<Decision, Rejection> {
    let scheduled = state.withdrawal(&transaction).ok_or_else(|| {
        let expected = "the transaction of a withdrawal";
        Rejection::new(RejectionCode::WithdrawalNotFound, "transaction", expected, transaction)
    })?;
    weigh(
        None,
        &scheduled.progress,
        (transaction, attempt, outcome),
        state.policy(),
        scheduled.last_position(),
        || match outcome {
            SettlementOutcome::Settled => vec![Event::WithdrawalConfirmed { transaction, attempt }],
            failed => {
                let (reason, released) = (kept(failed.reason()).into(), scheduled.withdrawal.quarks);
                vec![Event::WithdrawalFailed { transaction, attempt, reason, released }]
            }
        },
    )
}
