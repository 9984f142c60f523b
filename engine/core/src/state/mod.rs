//! Everything the engine knows, as a fold of its records.

mod archive;
mod intent;
mod ledger;
mod progress;
mod rates;
mod relationships;
mod shards;
mod usage;

use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use alloc::vec::Vec;

use core::ops::Bound;
use core::time::Duration;

use crate::event::Record;
use crate::evolve::{IllegalTransition, evolve};
use crate::ids::{AccountId, DepositKey, IntentId, NodeId, Position, Timestamp, TransactionId};
use crate::money::{BasisPoints, Quarks};
use crate::policy::{Limits, Policy};
use crate::withdrawal::Withdrawal;

pub use archive::{Archive, Ended, Key};
pub use intent::{
    Asked, Intent, Phase, ScheduledRefund, ScheduledTransaction, Settlement, Status, Submission,
};
pub use ledger::{Account, Ledger};
pub(crate) use progress::Word;
pub use progress::{Attempt, MAX_CONTRADICTIONS, Progress, TransactionState};
pub use rates::{MAX_RATES, MAX_SOURCE_BYTES, MAX_TABLES, RateTable, Rates};
pub use relationships::Relationships;
pub(crate) use shards::{Sharded, Shards};
pub(crate) use usage::Windows;
pub use usage::{Side, Usage};

/// Everything the engine knows. Changed by [`State::apply`] and by nothing else.
#[derive(Clone, Debug)]
pub struct State {
    pub(crate) node: Option<NodeId>,
    pub(crate) position: Position,
    pub(crate) time: Timestamp,
    pub(crate) policy: Policy,
    pub(crate) policy_version: u32,
    pub(crate) rates: Rates,
    pub(crate) ledger: Ledger,
    pub(crate) usage: Usage,
    pub(crate) deposits: Shards<DepositKey, Deposit>,
    pub(crate) withdrawals: Shards<TransactionId, ScheduledWithdrawal>,
    pub(crate) intents: Shards<IntentId, Arc<Intent>>,
    pub(crate) relationships: Relationships,
    pub(crate) archive: Archive,
    /// How many things that have ended are put away: not part of the digest.
    pub(crate) away: u64,
    /// How many intents have not ended: derived, not part of the digest.
    pub(crate) open: usize,
    /// How many of those only wait for their webhook: derived, not part of the digest.
    pub(crate) undelivered: usize,
    /// Open intents by deadline: derived, not part of the digest.
    pub(crate) deadlines: BTreeSet<(Timestamp, IntentId)>,
    /// Intents with a transaction that is not final: derived, not part of the digest.
    pub(crate) unsettled: BTreeSet<IntentId>,
    /// Withdrawals that are not final: derived, not part of the digest.
    pub(crate) open_withdrawals: BTreeSet<TransactionId>,
    /// Intents with a pending webhook, by when it is due: derived, not part of the digest.
    pub(crate) deliveries: BTreeSet<(Timestamp, IntentId)>,
}

/// A deposit, remembered for ever so that its key works once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deposit {
    /// Whose account.
    pub account: AccountId,
    /// How many quarks.
    pub quarks: Quarks,
    /// Where it is in the log.
    pub position: Position,
}

/// A withdrawal and what the rail has said of it. Remembered for ever so that its key works once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduledWithdrawal {
    /// The withdrawal.
    pub withdrawal: Withdrawal,
    /// Where its order is in the log.
    pub scheduled: Position,
    /// Where the later records about it are, the first one first: none of them names the one before. A handful for each attempt
    /// that the policy allows, and the contradictions that are kept.
    pub followed: Vec<Position>,
    /// When it was ordered.
    pub at: Timestamp,
    /// How far it has come.
    pub progress: Progress,
}

impl ScheduledWithdrawal {
    /// The position of the last record about it.
    #[must_use]
    pub fn last_position(&self) -> Position {
        self.followed.last().copied().unwrap_or(self.scheduled)
    }

    /// Whether the rail has said its last word: the quarks have left, or never will.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.progress.state() != TransactionState::Ordered
    }
}

impl Default for State {
    fn default() -> Self {
        // Before the first record nothing may be charged or allowed, so every figure is the smallest.
        let nothing = Policy {
            service_fee: None,
            fee_account: AccountId([0; 32]),
            fee_cap: BasisPoints::new(1).expect("1 is within 1..=10 000"),
            intent_lifetime: Duration::ZERO,
            max_intent_lifetime: Duration::ZERO,
            quote_lifetime: Duration::ZERO,
            rate_window: Duration::ZERO,
            rate_tolerance: None,
            max_payment: Quarks::ZERO,
            max_refusals: 0,
            payer_limits: Limits::default(),
            merchant_limits: Limits::default(),
            max_attempts: 0,
            max_refunds: 0,
            min_withdrawal: Quarks::MAX,
            withdrawal_limits: Limits::default(),
        };
        Self {
            node: None,
            position: Position::START,
            time: Timestamp::default(),
            policy: nothing,
            policy_version: 0,
            rates: Rates::default(),
            ledger: Ledger::default(),
            usage: Usage::default(),
            deposits: Shards::default(),
            withdrawals: Shards::default(),
            intents: Shards::default(),
            relationships: Relationships::default(),
            archive: Archive::default(),
            away: 0,
            open: 0,
            undelivered: 0,
            deadlines: BTreeSet::new(),
            unsettled: BTreeSet::new(),
            open_withdrawals: BTreeSet::new(),
            deliveries: BTreeSet::new(),
        }
    }
}

impl State {
    /// Takes in the next record.
    ///
    /// # Errors
    /// The record does not follow: a gap in the positions, a step back in time, an event its intent's state does not allow.
    /// The state is then undefined and has to be thrown away.
    ///
    /// # Determinism
    /// The same records give the same state and the same [`State::digest`], on any machine.
    pub fn apply(&mut self, record: &Record) -> Result<(), IllegalTransition> {
        let illegal = |why| Err(IllegalTransition::new(record, "log", why));
        if record.position != self.position.next() {
            return illegal("its position does not follow the one before");
        }
        if record.recorded_at < self.time {
            return illegal("its time is before the one before");
        }
        if self.node.is_none() != (record.position == Position(1)) {
            return illegal("the first record, and no other, initializes the node");
        }
        evolve(self, record)?;
        self.position = record.position;
        self.time = record.recorded_at;
        Ok(())
    }

    /// The sequencer whose log this is; `None` before the first record.
    #[must_use]
    pub fn node(&self) -> Option<NodeId> {
        self.node
    }

    /// The position of the last record taken in.
    #[must_use]
    pub fn position(&self) -> Position {
        self.position
    }

    /// The time of the last record taken in.
    #[must_use]
    pub fn time(&self) -> Timestamp {
        self.time
    }

    /// The policy in force.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// How many policies the log has had: 1 for the one it began with, 0 before the first record.
    #[must_use]
    pub fn policy_version(&self) -> u32 {
        self.policy_version
    }

    /// The exchange rates.
    #[must_use]
    pub fn rates(&self) -> &Rates {
        &self.rates
    }

    /// The accounts.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The deposit made under a key, unless it is put away.
    #[must_use]
    pub fn deposit(&self, key: &DepositKey) -> Option<&Deposit> {
        self.deposits.get(key)
    }

    /// What accounts paid and were paid lately.
    #[must_use]
    pub fn usage(&self) -> &Usage {
        &self.usage
    }

    /// The withdrawal that a transaction carries out, unless it is put away.
    #[must_use]
    pub fn withdrawal(&self, transaction: &TransactionId) -> Option<&ScheduledWithdrawal> {
        self.withdrawals.get(transaction)
    }

    /// Every withdrawal in memory, by transaction: all that are open, and those that have ended and are not put away.
    pub fn withdrawals(&self) -> impl Iterator<Item = (&TransactionId, &ScheduledWithdrawal)> {
        self.withdrawals.iter()
    }

    /// Every withdrawal that is not final, by transaction.
    pub fn open_withdrawals(&self) -> impl Iterator<Item = (&TransactionId, &ScheduledWithdrawal)> {
        self.open_withdrawals.iter().filter_map(|id| self.withdrawals.get_key_value(id))
    }

    /// One intent, unless it is put away.
    #[must_use]
    pub fn intent(&self, id: &IntentId) -> Option<&Intent> {
        self.intents.get(id).map(|intent| &**intent)
    }

    /// Every intent in memory, by id: all that are open, and those that have ended and are not put away.
    pub fn intents(&self) -> impl Iterator<Item = (&IntentId, &Intent)> {
        self.intents.iter().map(|(id, intent)| (id, &**intent))
    }

    /// How many intents have not ended: a payer can still come, a rail still has something to say, or somebody is still to be told.
    #[must_use]
    pub fn open(&self) -> usize {
        self.open
    }

    /// How many of those are [undelivered](Intent::is_undelivered): nothing but a webhook keeps them.
    #[must_use]
    pub fn undelivered(&self) -> usize {
        self.undelivered
    }

    /// Every intent with a transaction that is not final, of its payment or of a refund, by id.
    pub fn unsettled(&self) -> impl Iterator<Item = (&IntentId, &Intent)> {
        let known = self.unsettled.iter().filter_map(|id| self.intents.get_key_value(id));
        known.map(|(id, intent)| (id, &**intent))
    }

    /// The next moment at which something happens by itself: the earliest deadline of an open intent.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        // The deadline is the last moment at which a payer may submit; the intent expires after it.
        self.deadlines.first().map(|(deadline, _)| Timestamp(deadline.0.saturating_add(1)))
    }

    /// The accounts that owners are known to sites by.
    #[must_use]
    pub fn relationships(&self) -> &Relationships {
        &self.relationships
    }

    /// Who is logged in with an intent: who logged in, or of a payment that asked for it the account that the site knows its
    /// payer by.
    #[must_use]
    pub fn user(&self, intent: &Intent) -> Option<AccountId> {
        if let Some(login) = intent.logged_in() {
            return Some(login.user);
        }
        let (payer, domain) = (intent.submission()?.payment.payer, intent.login_domain()?);
        self.relationships.of(&payer, domain)
    }

    /// The intents whose webhook is to be called at `now` or was to be before, earliest first.
    pub fn due_deliveries(&self, now: Timestamp) -> impl Iterator<Item = (&IntentId, &Intent)> {
        let due = self.deliveries.iter().take_while(move |(due, _)| *due <= now);
        due.filter_map(|(_, id)| self.intents.get_key_value(id)).map(|(id, intent)| (id, &**intent))
    }

    /// Every intent whose webhook is still to be called, with when, earliest first.
    pub fn deliveries(&self) -> impl Iterator<Item = (Timestamp, IntentId)> {
        self.deliveries_after(None)
    }

    /// The same, from behind one of them on, whether it is still there or not: for whoever looks at them part by part.
    pub fn deliveries_after(
        &self,
        last: Option<(Timestamp, IntentId)>,
    ) -> impl Iterator<Item = (Timestamp, IntentId)> {
        let from = last.map_or(Bound::Unbounded, Bound::Excluded);
        self.deliveries.range((from, Bound::Unbounded)).copied()
    }

    /// Everything but the derived indexes.
    pub(crate) fn clone_without_indexes(&self) -> Self {
        Self {
            node: self.node,
            position: self.position,
            time: self.time,
            policy: self.policy.clone(),
            policy_version: self.policy_version,
            rates: self.rates.clone(),
            ledger: self.ledger.clone(),
            usage: self.usage.clone(),
            deposits: self.deposits.clone(),
            withdrawals: self.withdrawals.clone(),
            intents: self.intents.clone(),
            relationships: self.relationships.clone(),
            archive: self.archive.clone(),
            away: self.away,
            open: 0,
            undelivered: 0,
            deadlines: BTreeSet::new(),
            unsettled: BTreeSet::new(),
            open_withdrawals: BTreeSet::new(),
            deliveries: BTreeSet::new(),
        }
    }
}
