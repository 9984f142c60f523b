//! The twins of the state's parts. Those that records have too are theirs.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use bincode::{BorrowDecode, Encode};

use super::{AccountId, Archive, IntentId, NodeId, Position, Quarks, Timestamp};
use crate::ids::{Revision, Signature};
use crate::payment::Payment;
use crate::record::{
    AuthorizationV2, DecodeError, PolicyV2, RefundV2, TermsV2, TransactionV2, WithdrawalV2, attempt_state,
    rate, signature_rule,
};
use crate::state::{
    Account, Attempt, Intent, Ledger, Phase, Progress, RateTable, ScheduledRefund, ScheduledTransaction,
    ScheduledWithdrawal, Settlement, Side, State, Submission, Usage, Windows,
};

#[derive(Encode, BorrowDecode)]
pub(super) struct HeadV1 {
    node: Option<[u8; 32]>,
    position: u64,
    time: u64,
    policy: Option<PolicyV2>,
    policy_version: u32,
    deposited: u128,
    withdrawn: u128,
    archive: (u64, [u8; 32], Vec<u8>),
    away: u64,
}

impl HeadV1 {
    pub(super) fn of(state: &State, away: u64) -> Self {
        Self {
            node: state.node.map(|node| node.0),
            position: state.position.0,
            time: state.time.0,
            policy: state.node.map(|_| PolicyV2::from(&state.policy)),
            policy_version: state.policy_version,
            deposited: state.ledger.deposited(),
            withdrawn: state.ledger.withdrawn(),
            archive: (state.archive.count, state.archive.hash, state.archive.gathered.clone()),
            away,
        }
    }

    pub(super) fn into_state(self, state: &mut State) -> Result<(), DecodeError> {
        state.node = self.node.map(NodeId);
        state.position = Position(self.position);
        state.time = Timestamp(self.time);
        if let Some(policy) = self.policy {
            state.policy = policy.into_policy()?;
        }
        state.policy_version = self.policy_version;
        state.ledger = Ledger::with_totals(self.deposited, self.withdrawn)
            .ok_or(DecodeError::OutOfRange { field: "deposited" })?;
        let (count, hash, gathered) = self.archive;
        state.archive = Archive { count, hash, gathered };
        state.away = self.away;
        Ok(())
    }
}

#[derive(Encode, BorrowDecode)]
pub(super) struct RatesV1<'a> {
    published_at: u64,
    source: Cow<'a, str>,
    rates: Vec<([u8; 3], u64, u8)>,
}

impl<'a> RatesV1<'a> {
    pub(super) fn of(table: &'a RateTable) -> Self {
        let rate = |(currency, rate): (&crate::currency::Currency, &crate::currency::Rate)| {
            (currency.code(), rate.mantissa(), rate.scale())
        };
        Self {
            published_at: table.published_at.0,
            source: Cow::Borrowed(&table.source),
            rates: table.rates.iter().map(rate).collect(),
        }
    }

    pub(super) fn into_table(self) -> Result<RateTable, DecodeError> {
        Ok(RateTable {
            published_at: Timestamp(self.published_at),
            source: self.source.into_owned(),
            rates: self.rates.into_iter().map(rate).collect::<Result<_, _>>()?,
        })
    }
}

#[derive(Encode, BorrowDecode)]
pub(super) struct AccountV1 {
    id: [u8; 32],
    balance: u64,
    reserved: u64,
}

impl AccountV1 {
    pub(super) fn of(id: &AccountId, account: &Account) -> Self {
        Self { id: id.0, balance: account.balance.get(), reserved: account.reserved.get() }
    }

    pub(super) fn into_ledger(self, ledger: &mut Ledger) -> Result<(), DecodeError> {
        let account = Account { balance: Quarks::new(self.balance), reserved: Quarks::new(self.reserved) };
        ledger.put_back(AccountId(self.id), account).ok_or(DecodeError::OutOfRange { field: "account" })
    }
}

#[derive(Encode, BorrowDecode)]
pub(super) struct UsageV1 {
    account: [u8; 32],
    side: u8,
    amounts: Vec<(u64, u64)>,
    payments: Vec<(u64, u32)>,
}

impl UsageV1 {
    pub(super) fn of((account, side): &(AccountId, Side), windows: &Windows) -> Self {
        Self {
            account: account.0,
            side: *side as u8,
            amounts: windows.amounts.iter().map(|(step, quarks)| (*step, quarks.get())).collect(),
            payments: windows.payments.iter().map(|(step, count)| (*step, *count)).collect(),
        }
    }

    pub(super) fn into_usage(self, usage: &mut Usage) -> Result<(), DecodeError> {
        let side = [Side::Payer, Side::Merchant, Side::Owner].into_iter().find(|s| *s as u8 == self.side);
        let side = side.ok_or(DecodeError::OutOfRange { field: "side" })?;
        let windows = Windows {
            amounts: self.amounts.into_iter().map(|(step, quarks)| (step, Quarks::new(quarks))).collect(),
            payments: self.payments.into_iter().collect(),
        };
        usage.put_back((AccountId(self.account), side), windows);
        Ok(())
    }
}

#[derive(Encode, BorrowDecode)]
struct ProgressV1 {
    attempts: Vec<(u8, String)>,
    contradictions: u8,
}

impl From<&Progress> for ProgressV1 {
    fn from(progress: &Progress) -> Self {
        let attempt = |attempt: &Attempt| (attempt.state as u8, attempt.reason.clone());
        let attempts = progress.attempts().iter().map(attempt).collect();
        Self { attempts, contradictions: progress.contradictions() }
    }
}

impl ProgressV1 {
    fn into_progress(self) -> Result<Progress, DecodeError> {
        let attempt = |(state, reason)| Ok(Attempt { state: attempt_state(state)?, reason });
        let attempts = self.attempts.into_iter().map(attempt).collect::<Result<_, _>>()?;
        Ok(Progress::put_back(attempts, self.contradictions))
    }
}

#[derive(Encode, BorrowDecode)]
pub(super) struct ScheduledWithdrawalV1<'a> {
    withdrawal: WithdrawalV2<'a>,
    scheduled: u64,
    last_position: u64,
    at: u64,
    progress: ProgressV1,
}

impl<'a> From<&'a ScheduledWithdrawal> for ScheduledWithdrawalV1<'a> {
    fn from(known: &'a ScheduledWithdrawal) -> Self {
        Self {
            withdrawal: (&known.withdrawal).into(),
            scheduled: known.scheduled.0,
            last_position: known.last_position.0,
            at: known.at.0,
            progress: (&known.progress).into(),
        }
    }
}

impl ScheduledWithdrawalV1<'_> {
    pub(super) fn into_withdrawal(self) -> Result<ScheduledWithdrawal, DecodeError> {
        Ok(ScheduledWithdrawal {
            withdrawal: self.withdrawal.into(),
            scheduled: Position(self.scheduled),
            last_position: Position(self.last_position),
            at: Timestamp(self.at),
            progress: self.progress.into_progress()?,
        })
    }
}

#[derive(Encode, BorrowDecode)]
struct SubmissionV1 {
    payload: Vec<u8>,
    signature: [u8; 64],
    rule: u8,
    position: u64,
    at: u64,
}

impl From<&Submission> for SubmissionV1 {
    fn from(submission: &Submission) -> Self {
        Self {
            payload: submission.payment.to_bytes(),
            signature: submission.signature.0,
            rule: submission.rule as u8,
            position: submission.position.0,
            at: submission.at.0,
        }
    }
}

impl SubmissionV1 {
    fn into_submission(self) -> Result<Submission, DecodeError> {
        Ok(Submission {
            payment: Payment::from_bytes(&self.payload)
                .map_err(|error| DecodeError::OutOfRange { field: error.field })?,
            signature: Signature(self.signature),
            rule: signature_rule(self.rule)?,
            position: Position(self.position),
            at: Timestamp(self.at),
        })
    }
}

#[derive(Encode, BorrowDecode)]
struct SettlementV1 {
    submission: SubmissionV1,
    scheduled: u64,
    transactions: Vec<(TransactionV2, ProgressV1)>,
}

impl From<&Settlement> for SettlementV1 {
    fn from(settlement: &Settlement) -> Self {
        let twin = |known: &ScheduledTransaction| ((&known.transaction).into(), (&known.progress).into());
        Self {
            submission: (&settlement.submission).into(),
            scheduled: settlement.scheduled.0,
            transactions: settlement.transactions.iter().map(twin).collect(),
        }
    }
}

impl SettlementV1 {
    fn into_settlement(self) -> Result<Settlement, DecodeError> {
        let known = |(transaction, progress): (TransactionV2, ProgressV1)| {
            let (transaction, progress) = (transaction.into(), progress.into_progress()?);
            Ok(ScheduledTransaction { transaction, progress })
        };
        Ok(Settlement {
            submission: self.submission.into_submission()?,
            scheduled: Position(self.scheduled),
            transactions: self.transactions.into_iter().map(known).collect::<Result<_, _>>()?,
        })
    }
}

/// The phases of an intent that has not ended.
#[derive(Encode, BorrowDecode)]
enum PhaseV1 {
    Created,
    Submitted(SubmissionV1),
    Verified(SubmissionV1),
    Scheduled(SettlementV1),
    Confirmed(SettlementV1),
    /// Not written: what is in another phase has ended.
    Ended,
}

#[derive(Encode, BorrowDecode)]
pub(super) struct IntentV1<'a> {
    id: [u8; 32],
    terms: TermsV2,
    authorization: AuthorizationV2<'a>,
    created_at: u64,
    created: u64,
    expires_at: u64,
    scanned: Option<u64>,
    refusals: u8,
    revision: u32,
    last_position: u64,
    ended: Option<u64>,
    phase: PhaseV1,
    refunds: Vec<(RefundV2, u64, ProgressV1)>,
}

impl<'a> IntentV1<'a> {
    pub(super) fn of(id: &IntentId, intent: &'a Intent) -> Self {
        let refund = |known: &ScheduledRefund| {
            (RefundV2::from(&known.refund), known.scheduled.0, (&known.progress).into())
        };
        Self {
            id: id.0,
            terms: (&intent.terms).into(),
            authorization: (&intent.authorization).into(),
            created_at: intent.created_at.0,
            created: intent.created.0,
            expires_at: intent.expires_at.0,
            scanned: intent.scanned.map(|at| at.0),
            refusals: intent.refusals,
            revision: intent.revision.0,
            last_position: intent.last_position.0,
            ended: intent.ended.map(|at| at.0),
            phase: match &intent.phase {
                Phase::Created => PhaseV1::Created,
                Phase::Submitted(submission) => PhaseV1::Submitted((&**submission).into()),
                Phase::Verified(submission) => PhaseV1::Verified((&**submission).into()),
                Phase::Scheduled(settlement) => PhaseV1::Scheduled((&**settlement).into()),
                Phase::Confirmed(settlement) => PhaseV1::Confirmed((&**settlement).into()),
                Phase::Canceled(_) | Phase::Expired | Phase::Rejected(_) | Phase::Failed(_) => PhaseV1::Ended,
            },
            refunds: intent.refunds.iter().map(refund).collect(),
        }
    }

    pub(super) fn into_intent(self) -> Result<(IntentId, Intent), DecodeError> {
        let refund = |(refund, scheduled, progress): (RefundV2, u64, ProgressV1)| {
            let (refund, scheduled) = (refund.into(), Position(scheduled));
            Ok(ScheduledRefund { refund, scheduled, progress: progress.into_progress()? })
        };
        let intent = Intent {
            terms: self.terms.into_terms()?,
            authorization: self.authorization.into_authorization()?,
            created_at: Timestamp(self.created_at),
            created: Position(self.created),
            expires_at: Timestamp(self.expires_at),
            scanned: self.scanned.map(Position),
            refusals: self.refusals,
            revision: Revision(self.revision),
            last_position: Position(self.last_position),
            ended: self.ended.map(Position),
            phase: match self.phase {
                PhaseV1::Created => Phase::Created,
                PhaseV1::Submitted(submission) => Phase::Submitted(Box::new(submission.into_submission()?)),
                PhaseV1::Verified(submission) => Phase::Verified(Box::new(submission.into_submission()?)),
                PhaseV1::Scheduled(settlement) => Phase::Scheduled(Box::new(settlement.into_settlement()?)),
                PhaseV1::Confirmed(settlement) => Phase::Confirmed(Box::new(settlement.into_settlement()?)),
                PhaseV1::Ended => return Err(DecodeError::OutOfRange { field: "phase" }),
            },
            refunds: self.refunds.into_iter().map(refund).collect::<Result<_, _>>()?,
        };
        Ok((IntentId(self.id), intent))
    }
}
