use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::{Deposit, Intent, ScheduledWithdrawal, State};
use crate::event::{Event, Record};
use crate::ids::{DepositKey, IntentId, Position, TransactionId};

/// What has ended, as a number and a hash of every version of it, in the order of the log.
///
/// The state's digest stands on this instead of on everything that ever ended, which need not be in memory for it. What ends is
/// gathered until there is enough to hash it many times faster than piece by piece: each link covers the one before and the
/// bytes gathered since.
///
/// # Determinism
/// Follows from the records alone; what is in memory and what is put away makes no difference to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Archive {
    pub(crate) count: u64,
    /// The last link; all zeros at the beginning.
    pub(crate) hash: [u8; 32],
    /// What has ended since; shorter than a link.
    pub(crate) gathered: Vec<u8>,
}

impl Archive {
    /// How often something ended, or ended again.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }
}

/// The name of a thing that ends and must be known for ever, so that it happens once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// An intent.
    Intent(IntentId),
    /// A deposit.
    Deposit(DepositKey),
    /// A withdrawal, by the transaction that carries it out.
    Withdrawal(TransactionId),
}

impl Key {
    /// What a record is about; `None` when it is about nothing that ends.
    #[must_use]
    pub fn of(record: &Record) -> Option<Self> {
        match (record.subject, &record.event) {
            (Some(subject), _) => Some(Self::Intent(subject.intent)),
            (None, Event::FundsDeposited { key, .. }) => Some(Self::Deposit(*key)),
            (None, Event::WithdrawalScheduled { withdrawal, .. }) => {
                Some(Self::Withdrawal(withdrawal.transaction()))
            }
            (
                None,
                Event::WithdrawalConfirmed { transaction, .. }
                | Event::WithdrawalFailed { transaction, .. }
                | Event::AttemptSent { transaction, .. }
                | Event::AttemptIndeterminate { transaction, .. }
                | Event::AttemptFailed { transaction, .. }
                | Event::SettlementContradicted { transaction, .. },
            ) => Some(Self::Withdrawal(*transaction)),
            (None, _) => None,
        }
    }
}

/// A thing that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// An intent in a terminal state, with no refund under way.
    Intent(Arc<Intent>),
    /// A deposit; it has ended when it is made.
    Deposit(Deposit),
    /// A withdrawal that is final.
    Withdrawal(Box<ScheduledWithdrawal>),
}

impl Ended {
    /// The position of the last record about it.
    #[must_use]
    pub fn last_position(&self) -> Position {
        match self {
            Self::Intent(intent) => intent.last_position,
            Self::Deposit(deposit) => deposit.position,
            Self::Withdrawal(known) => known.last_position(),
        }
    }
}

impl State {
    /// What has ended, as a number and a hash.
    #[must_use]
    pub fn archive(&self) -> &Archive {
        &self.archive
    }

    /// Whether something is in memory, open or ended.
    #[must_use]
    pub fn holds(&self, key: &Key) -> bool {
        match key {
            Key::Intent(id) => self.intents.contains_key(id),
            Key::Deposit(key) => self.deposits.contains_key(key),
            Key::Withdrawal(id) => self.withdrawals.contains_key(id),
        }
    }

    /// Everything in memory that has ended, with the position of its last record.
    pub fn ended(&self) -> impl Iterator<Item = (Key, Position)> {
        let intents = self.intents.iter().filter(|(_, intent)| intent.has_ended());
        let withdrawals = self.withdrawals.iter().filter(|(_, known)| known.has_ended());
        intents
            .map(|(id, intent)| (Key::Intent(*id), intent.last_position))
            .chain(self.deposits.iter().map(|(key, deposit)| (Key::Deposit(*key), deposit.position)))
            .chain(withdrawals.map(|(id, known)| (Key::Withdrawal(*id), known.last_position())))
    }

    /// Of what is in memory and has ended, every record that does not name the one before about the same thing: its position,
    /// and that one's. Whoever keeps these besides [`State::ended`] finds all records of a thing from its last one on.
    pub fn links(&self) -> impl Iterator<Item = (Position, Position)> {
        let ended = self.withdrawals.iter().map(|(_, known)| known).filter(|known| known.has_ended());
        ended.flat_map(|known| {
            let before = core::iter::once(known.scheduled).chain(known.followed.iter().copied());
            known.followed.iter().copied().zip(before)
        })
    }

    /// Puts away what has ended, if the record at `last` is still the last about it; whether it did.
    ///
    /// The caller keeps the key and the position, and gives it back with [`State::recall`] before anything is decided about it:
    /// without that the machine would take it for new. The digest stays the same.
    pub fn put_away(&mut self, key: &Key, last: Position) -> bool {
        let away = match key {
            Key::Intent(id) => {
                let known = self.intents.get(id);
                known.is_some_and(|intent| intent.has_ended() && intent.last_position == last)
                    && self.intents.remove(id).is_some()
            }
            Key::Deposit(key) => {
                self.deposits.get(key).is_some_and(|deposit| deposit.position == last)
                    && self.deposits.remove(key).is_some()
            }
            Key::Withdrawal(id) => {
                let known = self.withdrawals.get(id);
                known.is_some_and(|known| known.has_ended() && known.last_position() == last)
                    && self.withdrawals.remove(id).is_some()
            }
        };
        self.away += u64::from(away);
        away
    }

    /// Takes back what was put away; whether it did. It does not if something is there under the key.
    pub fn recall(&mut self, key: &Key, ended: &Ended) -> bool {
        if self.holds(key) {
            return false;
        }
        match (key, ended) {
            (Key::Intent(id), Ended::Intent(intent)) if intent.has_ended() => {
                self.intents.insert(*id, Arc::clone(intent));
            }
            (Key::Deposit(key), Ended::Deposit(deposit)) => {
                self.deposits.insert(*key, *deposit);
            }
            (Key::Withdrawal(id), Ended::Withdrawal(known))
                if known.has_ended() && known.withdrawal.transaction() == *id =>
            {
                self.withdrawals.insert(*id, ScheduledWithdrawal::clone(known));
            }
            _ => return false,
        }
        self.away = self.away.saturating_sub(1);
        true
    }
}
