use alloc::collections::BTreeMap;

use super::{Violation, hold};
use crate::event::{Event, Record};
use crate::ids::{AccountId, IntentId, TransactionId};
use crate::money::Quarks;
use crate::state::{Account, Phase, State, TransactionState};

/// What an account has reserved is what its scheduled payments, refunds and withdrawals still take, and it has that much.
///
/// # Errors
/// One has more, or less.
pub fn reservations(state: &State) -> Result<(), Violation> {
    let mut outstanding: BTreeMap<AccountId, u128> = BTreeMap::new();
    let mut add = |account, quarks: Quarks| {
        *outstanding.entry(account).or_default() += u128::from(quarks.get());
    };
    for (_, intent) in state.intents() {
        match &intent.phase {
            Phase::Verified(submission) => {
                add(submission.payment.payer, submission.payment.total().unwrap_or(Quarks::MAX));
            }
            Phase::Scheduled(settlement) => {
                add(settlement.submission.payment.payer, settlement.outstanding());
            }
            Phase::Created
            | Phase::Submitted(_)
            | Phase::Confirmed(_)
            | Phase::Canceled(_)
            | Phase::Expired
            | Phase::Rejected(_)
            | Phase::Failed(_)
            | Phase::LoggedIn(_) => {}
        }
        for scheduled in &intent.refunds {
            if scheduled.progress.state() == TransactionState::Ordered {
                add(scheduled.refund.merchant, scheduled.refund.quarks);
            }
        }
    }
    for (_, scheduled) in state.withdrawals() {
        if scheduled.progress.state() == TransactionState::Ordered {
            add(scheduled.withdrawal.account, scheduled.withdrawal.quarks);
        }
    }
    for (id, account) in state.ledger().accounts() {
        let expected = outstanding.remove(id).unwrap_or(0);
        let found = u128::from(account.reserved.get());
        hold(found == expected, "reservations", || {
            alloc::format!("{id} has {found} reserved, what it scheduled takes {expected}")
        })?;
        covered(id, account)?;
    }
    hold(outstanding.values().all(|quarks| *quarks == 0), "reservations", || "one without an account".into())
}

/// An account has what it has reserved.
pub(super) fn covered(id: &AccountId, account: &Account) -> Result<(), Violation> {
    hold(account.reserved <= account.balance, "reservations", || {
        alloc::format!("{id} has {} reserved of {}", account.reserved, account.balance)
    })
}

/// What was set aside for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Purpose {
    Payment(IntentId),
    /// A refund or a withdrawal.
    Transaction(TransactionId),
}

/// Everything that was ever set aside was set aside once and ended at most once: moved or released, never both.
///
/// # Errors
/// Something was not.
pub fn ended_once(records: &[Record]) -> Result<(), Violation> {
    let mut reservations = Reservations::default();
    records.iter().try_for_each(|record| reservations.follow(record))
}

/// What was ever set aside in a history that is read record by record: [`ended_once`] without holding the history.
#[derive(Clone, Debug, Default)]
pub struct Reservations {
    /// True while it is set aside.
    open: BTreeMap<Purpose, bool>,
}

impl Reservations {
    /// Takes in the next record.
    ///
    /// # Errors
    /// It sets aside, moves or releases a second time.
    pub fn follow(&mut self, record: &Record) -> Result<(), Violation> {
        let intent = record.subject.map(|subject| Purpose::Payment(subject.intent));
        let (purpose, begins) = match &record.event {
            Event::IntentVerified { .. } => (intent, true),
            Event::IntentConfirmed | Event::IntentFailed { .. } => (intent, false),
            Event::RefundScheduled { refund, .. } => (Some(Purpose::Transaction(refund.transaction())), true),
            Event::WithdrawalScheduled { withdrawal, .. } => {
                (Some(Purpose::Transaction(withdrawal.transaction())), true)
            }
            Event::RefundConfirmed { transaction, .. }
            | Event::RefundFailed { transaction, .. }
            | Event::WithdrawalConfirmed { transaction, .. }
            | Event::WithdrawalFailed { transaction, .. } => {
                (Some(Purpose::Transaction(*transaction)), false)
            }
            _ => return Ok(()),
        };
        let before = purpose.map(|purpose| (purpose, self.open.insert(purpose, begins)));
        let right = match before {
            Some((_, before)) => before == if begins { None } else { Some(true) },
            None => false,
        };
        hold(right, "reservations", || {
            alloc::format!("record {}: {} for {before:?}", record.position, record.event.name())
        })
    }
}
