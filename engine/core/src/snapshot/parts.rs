//! The twins of the state's parts. Those that records have too are theirs.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use bincode::{BorrowDecode, Encode};

use super::{AccountId, Archive, IntentId, NodeId, Position, Quarks, Timestamp};
use crate::event::PaymentForm;
use crate::ids::{Revision, Signature};
use crate::login::{LoggedIn, Relationship};
use crate::payment::Payment;
use crate::record::{
    AuthorizationV2, DecodeError, DeliveryOutcomeV3, LoginTermsV3, PolicyV2, RefundV2, SiteV3, TermsV2,
    TransactionV2, WithdrawalV2, attempt_state, form_parts, into_domain, into_form, micros, rate,
    signature_rule,
};
use crate::state::{
    Account, Asked, Attempt, Intent, Ledger, Phase, Progress, RateTable, Relationships, ScheduledRefund,
    ScheduledTransaction, ScheduledWithdrawal, Settlement, Side, State, Submission, Usage, Windows,
};
use crate::webhook::{Delivery, DeliveryAttempt, Webhook};

#[derive(Encode, BorrowDecode)]
pub(super) struct HeadV3 {
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

impl HeadV3 {
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
pub(super) struct RatesV3<'a> {
    published_at: u64,
    source: Cow<'a, str>,
    rates: Vec<([u8; 3], u64, u8)>,
}

impl<'a> RatesV3<'a> {
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
pub(super) struct AccountV3 {
    id: [u8; 32],
    balance: u64,
    reserved: u64,
}

impl AccountV3 {
    pub(super) fn of(id: &AccountId, account: &Account) -> Self {
        Self { id: id.0, balance: account.balance.get(), reserved: account.reserved.get() }
    }

    pub(super) fn into_ledger(self, ledger: &mut Ledger) -> Result<(), DecodeError> {
        let account = Account { balance: Quarks::new(self.balance), reserved: Quarks::new(self.reserved) };
        ledger.put_back(AccountId(self.id), account).ok_or(DecodeError::OutOfRange { field: "account" })
    }
}

#[derive(Encode, BorrowDecode)]
pub(super) struct UsageV3 {
    account: [u8; 32],
    side: u8,
    amounts: Vec<(u64, u64)>,
    payments: Vec<(u64, u32)>,
}

impl UsageV3 {
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
struct ProgressV3 {
    attempts: Vec<(u8, String)>,
    contradictions: u8,
}

impl From<&Progress> for ProgressV3 {
    fn from(progress: &Progress) -> Self {
        let attempt = |attempt: &Attempt| (attempt.state as u8, attempt.reason.clone());
        let attempts = progress.attempts().iter().map(attempt).collect();
        Self { attempts, contradictions: progress.contradictions() }
    }
}

impl ProgressV3 {
    fn into_progress(self) -> Result<Progress, DecodeError> {
        let attempt = |(state, reason)| Ok(Attempt { state: attempt_state(state)?, reason });
        let attempts = self.attempts.into_iter().map(attempt).collect::<Result<_, _>>()?;
        Ok(Progress::put_back(attempts, self.contradictions))
    }
}

#[derive(Encode, BorrowDecode)]
pub(super) struct ScheduledWithdrawalV3<'a> {
    withdrawal: WithdrawalV2<'a>,
    scheduled: u64,
    followed: Vec<u64>,
    at: u64,
    progress: ProgressV3,
}

impl<'a> From<&'a ScheduledWithdrawal> for ScheduledWithdrawalV3<'a> {
    fn from(known: &'a ScheduledWithdrawal) -> Self {
        Self {
            withdrawal: (&known.withdrawal).into(),
            scheduled: known.scheduled.0,
            followed: known.followed.iter().map(|position| position.0).collect(),
            at: known.at.0,
            progress: (&known.progress).into(),
        }
    }
}

impl ScheduledWithdrawalV3<'_> {
    pub(super) fn into_withdrawal(self) -> Result<ScheduledWithdrawal, DecodeError> {
        Ok(ScheduledWithdrawal {
            withdrawal: self.withdrawal.into(),
            scheduled: Position(self.scheduled),
            followed: self.followed.into_iter().map(Position).collect(),
            at: Timestamp(self.at),
            progress: self.progress.into_progress()?,
        })
    }
}

#[derive(Encode, BorrowDecode)]
struct SubmissionV3 {
    payload: Vec<u8>,
    form: Option<(u8, Vec<u8>)>,
    signature: [u8; 64],
    rule: u8,
    position: u64,
    at: u64,
}

impl From<&Submission> for SubmissionV3 {
    fn from(submission: &Submission) -> Self {
        Self {
            payload: submission.payment.to_bytes(),
            form: form_parts(&submission.form).map(|(form, signed)| (form, signed.into_owned())),
            signature: submission.signature.0,
            rule: submission.rule as u8,
            position: submission.position.0,
            at: submission.at.0,
        }
    }
}

impl SubmissionV3 {
    fn into_submission(self) -> Result<Submission, DecodeError> {
        Ok(Submission {
            payment: Payment::from_bytes(&self.payload)
                .map_err(|error| DecodeError::OutOfRange { field: error.field })?,
            form: match self.form {
                None => PaymentForm::Native,
                Some((form, signed)) => into_form(form, signed.into())?,
            },
            signature: Signature(self.signature),
            rule: signature_rule(self.rule)?,
            position: Position(self.position),
            at: Timestamp(self.at),
        })
    }
}

#[derive(Encode, BorrowDecode)]
struct SettlementV3 {
    submission: SubmissionV3,
    scheduled: u64,
    transactions: Vec<(TransactionV2, ProgressV3)>,
}

impl From<&Settlement> for SettlementV3 {
    fn from(settlement: &Settlement) -> Self {
        let twin = |known: &ScheduledTransaction| ((&known.transaction).into(), (&known.progress).into());
        Self {
            submission: (&settlement.submission).into(),
            scheduled: settlement.scheduled.0,
            transactions: settlement.transactions.iter().map(twin).collect(),
        }
    }
}

impl SettlementV3 {
    fn into_settlement(self) -> Result<Settlement, DecodeError> {
        let known = |(transaction, progress): (TransactionV2, ProgressV3)| {
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
enum PhaseV3<'a> {
    Created,
    Submitted(SubmissionV3),
    Verified(SubmissionV3),
    Scheduled(SettlementV3),
    Confirmed(SettlementV3),
    Failed(SettlementV3),
    LoggedIn {
        user: [u8; 32],
        authorization: AuthorizationV2<'a>,
        position: u64,
        at: u64,
    },
    /// Not written: what is in another phase has ended.
    Ended,
}

#[derive(Encode, BorrowDecode)]
enum AskedV3<'a> {
    Payment { terms: TermsV2, site: Option<SiteV3<'a>> },
    Login(LoginTermsV3<'a>),
}

#[derive(Encode, BorrowDecode)]
struct WebhookV3<'a> {
    url: Cow<'a, str>,
    registered: u64,
    armed: Option<u64>,
    ordered: Option<u64>,
    delivery: DeliveryV3,
    attempts: Vec<(u64, u64, DeliveryOutcomeV3<'a>)>,
}

#[derive(Encode, BorrowDecode)]
enum DeliveryV3 {
    Waiting,
    Pending { due: u64 },
    Delivered,
    Failed,
}

impl<'a> From<&'a Webhook> for WebhookV3<'a> {
    fn from(webhook: &'a Webhook) -> Self {
        let attempt =
            |attempt: &'a DeliveryAttempt| (attempt.at.0, micros(attempt.latency), (&attempt.outcome).into());
        Self {
            url: Cow::Borrowed(&webhook.url),
            registered: webhook.registered.0,
            armed: webhook.armed.map(|at| at.0),
            ordered: webhook.ordered.map(|at| at.0),
            delivery: match webhook.delivery {
                Delivery::Waiting => DeliveryV3::Waiting,
                Delivery::Pending { due } => DeliveryV3::Pending { due: due.0 },
                Delivery::Delivered => DeliveryV3::Delivered,
                Delivery::Failed => DeliveryV3::Failed,
            },
            attempts: webhook.attempts.iter().map(attempt).collect(),
        }
    }
}

impl WebhookV3<'_> {
    fn into_webhook(self) -> Result<Webhook, DecodeError> {
        let attempt = |(at, latency, outcome): (u64, u64, DeliveryOutcomeV3<'_>)| {
            let (at, latency) = (Timestamp(at), Duration::from_micros(latency));
            Ok(DeliveryAttempt { at, latency, outcome: outcome.into_outcome()? })
        };
        Ok(Webhook {
            url: self.url.into_owned(),
            registered: Position(self.registered),
            armed: self.armed.map(Position),
            ordered: self.ordered.map(Position),
            delivery: match self.delivery {
                DeliveryV3::Waiting => Delivery::Waiting,
                DeliveryV3::Pending { due } => Delivery::Pending { due: Timestamp(due) },
                DeliveryV3::Delivered => Delivery::Delivered,
                DeliveryV3::Failed => Delivery::Failed,
            },
            attempts: self.attempts.into_iter().map(attempt).collect::<Result<_, _>>()?,
        })
    }
}

#[derive(Encode, BorrowDecode)]
pub(super) struct RelationshipV3<'a> {
    authority: [u8; 32],
    owner: [u8; 32],
    domain: Cow<'a, str>,
    established: u64,
}

impl<'a> RelationshipV3<'a> {
    pub(super) fn of(authority: &AccountId, known: &'a Relationship) -> Self {
        Self {
            authority: authority.0,
            owner: known.owner.0,
            domain: known.domain.as_str().into(),
            established: known.established.0,
        }
    }

    pub(super) fn into_relationships(self, relationships: &mut Relationships) -> Result<(), DecodeError> {
        let (owner, established) = (AccountId(self.owner), Position(self.established));
        let known = Relationship { owner, domain: into_domain(&self.domain)?, established };
        let established = relationships.establish(AccountId(self.authority), known);
        established.ok_or(DecodeError::OutOfRange { field: "relationship" })
    }
}

#[derive(Encode, BorrowDecode)]
pub(super) struct IntentV3<'a> {
    id: [u8; 32],
    asked: AskedV3<'a>,
    authorization: AuthorizationV2<'a>,
    created_at: u64,
    created: u64,
    expires_at: u64,
    scanned: Option<u64>,
    refusals: u8,
    revision: u32,
    last_position: u64,
    ended: Option<u64>,
    phase: PhaseV3<'a>,
    refunds: Vec<(RefundV2, u64, ProgressV3)>,
    webhook: Option<WebhookV3<'a>>,
}

impl<'a> IntentV3<'a> {
    pub(super) fn of(id: &IntentId, intent: &'a Intent) -> Self {
        let refund = |known: &ScheduledRefund| {
            (RefundV2::from(&known.refund), known.scheduled.0, (&known.progress).into())
        };
        Self {
            id: id.0,
            asked: match &intent.asked {
                Asked::Payment(terms) => {
                    AskedV3::Payment { terms: terms.into(), site: terms.site.as_deref().map(SiteV3::from) }
                }
                Asked::Login(login) => AskedV3::Login((&**login).into()),
            },
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
                Phase::Created => PhaseV3::Created,
                Phase::Submitted(submission) => PhaseV3::Submitted((&**submission).into()),
                Phase::Verified(submission) => PhaseV3::Verified((&**submission).into()),
                Phase::Scheduled(settlement) => PhaseV3::Scheduled((&**settlement).into()),
                Phase::Confirmed(settlement) => PhaseV3::Confirmed((&**settlement).into()),
                Phase::Failed(settlement) => PhaseV3::Failed((&**settlement).into()),
                Phase::LoggedIn(login) => PhaseV3::LoggedIn {
                    user: login.user.0,
                    authorization: (&login.authorization).into(),
                    position: login.position.0,
                    at: login.at.0,
                },
                Phase::Canceled(_) | Phase::Expired | Phase::Rejected(_) => PhaseV3::Ended,
            },
            refunds: intent.refunds.iter().map(refund).collect(),
            webhook: intent.webhook.as_deref().map(Into::into),
        }
    }

    pub(super) fn into_intent(self) -> Result<(IntentId, Intent), DecodeError> {
        let refund = |(refund, scheduled, progress): (RefundV2, u64, ProgressV3)| {
            let (refund, scheduled) = (refund.into(), Position(scheduled));
            Ok(ScheduledRefund { refund, scheduled, progress: progress.into_progress()? })
        };
        let intent = Intent {
            asked: match self.asked {
                AskedV3::Payment { terms, site } => {
                    let mut terms = terms.into_terms()?;
                    terms.site = site.map(|site| site.into_site().map(Box::new)).transpose()?;
                    Asked::Payment(terms)
                }
                AskedV3::Login(login) => Asked::Login(Box::new(login.into_terms()?)),
            },
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
                PhaseV3::Created => Phase::Created,
                PhaseV3::Submitted(submission) => Phase::Submitted(Box::new(submission.into_submission()?)),
                PhaseV3::Verified(submission) => Phase::Verified(Box::new(submission.into_submission()?)),
                PhaseV3::Scheduled(settlement) => Phase::Scheduled(Box::new(settlement.into_settlement()?)),
                PhaseV3::Confirmed(settlement) => Phase::Confirmed(Box::new(settlement.into_settlement()?)),
                PhaseV3::Failed(settlement) => Phase::Failed(Box::new(settlement.into_settlement()?)),
                PhaseV3::LoggedIn { user, authorization, position, at } => {
                    Phase::LoggedIn(Box::new(LoggedIn {
                        user: AccountId(user),
                        authorization: authorization.into_authorization()?,
                        position: Position(position),
                        at: Timestamp(at),
                    }))
                }
                PhaseV3::Ended => return Err(DecodeError::OutOfRange { field: "phase" }),
            },
            refunds: self.refunds.into_iter().map(refund).collect::<Result<_, _>>()?,
            webhook: self.webhook.map(|webhook| webhook.into_webhook().map(Box::new)).transpose()?,
        };
        Ok((IntentId(self.id), intent))
    }
}
