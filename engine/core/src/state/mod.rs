//! Everything the engine knows, as a fold of its records.

mod intent;
mod ledger;
mod rates;

use alloc::collections::{BTreeMap, BTreeSet};

use core::time::Duration;

use crate::event::Record;
use crate::evolve::{IllegalTransition, evolve};
use crate::ids::{AccountId, DepositKey, IntentId, NodeId, Position, Revision, Timestamp};
use crate::money::{BasisPoints, Quarks};
use crate::policy::Policy;

pub use intent::{Intent, Phase, ScheduledTransaction, Settlement, Status, Submission, TransactionState};
pub use ledger::{Account, Ledger};
pub use rates::{MAX_RATES, MAX_SOURCE_BYTES, RateTable, Rates};

/// Everything the engine knows. Changed by [`State::apply`] and by nothing else.
#[derive(Clone, Debug)]
pub struct State {
    pub(crate) node: Option<NodeId>,
    pub(crate) position: Position,
    pub(crate) time: Timestamp,
    pub(crate) policy: Policy,
    pub(crate) rates: Rates,
    pub(crate) ledger: Ledger,
    pub(crate) deposits: BTreeMap<DepositKey, Deposit>,
    pub(crate) intents: BTreeMap<IntentId, Intent>,
    /// Open intents by deadline: derived, not part of the digest.
    pub(crate) deadlines: BTreeSet<(Timestamp, IntentId)>,
    /// Intents whose transactions are not all final: derived, not part of the digest.
    pub(crate) scheduled: BTreeSet<IntentId>,
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
            max_payment: Quarks::ZERO,
            max_refusals: 0,
        };
        Self {
            node: None,
            position: Position::START,
            time: Timestamp::default(),
            policy: nothing,
            rates: Rates::default(),
            ledger: Ledger::default(),
            deposits: BTreeMap::new(),
            intents: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            scheduled: BTreeSet::new(),
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

    /// The deposit made under a key.
    #[must_use]
    pub fn deposit(&self, key: &DepositKey) -> Option<&Deposit> {
        self.deposits.get(key)
    }

    /// One intent.
    #[must_use]
    pub fn intent(&self, id: &IntentId) -> Option<&Intent> {
        self.intents.get(id)
    }

    /// Every intent, by id.
    pub fn intents(&self) -> impl Iterator<Item = (&IntentId, &Intent)> {
        self.intents.iter()
    }

    /// Every intent with transactions that are not final, by id.
    pub fn scheduled(&self) -> impl Iterator<Item = (&IntentId, &Intent)> {
        self.scheduled.iter().filter_map(|id| self.intents.get_key_value(id))
    }

    /// The next moment at which something happens by itself: the earliest deadline of an open intent.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        // The deadline is the last moment at which a payer may submit; the intent expires after it.
        self.deadlines.first().map(|(deadline, _)| Timestamp(deadline.0.saturating_add(1)))
    }

    /// The revision and the previous position that the next record about `intent` carries.
    pub(crate) fn next_revision(&self, intent: &IntentId) -> (Revision, Position) {
        match self.intents.get(intent) {
            Some(known) => (Revision(known.revision.0.saturating_add(1)), known.last_position),
            None => (Revision(0), Position::START),
        }
    }
}
