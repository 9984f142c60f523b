use crate::ids::AccountId;
use crate::ids::Timestamp;
use crate::money::Quarks;
use crate::state::{Ledger, Side, Usage};

/// The accounts, as far as a record about an intent moves them.
pub(super) enum Books<'a> {
    /// A record that comes for the first time.
    Open(&'a mut Ledger, &'a mut Usage),
    /// Records that are read again to know one intent: what they moved has been moved, and the accounts have gone on since.
    Closed,
}

impl Books<'_> {
    pub(super) fn reserve(&mut self, account: AccountId, quarks: Quarks) -> Option<()> {
        match self {
            Self::Open(ledger, _) => ledger.reserve(account, quarks),
            Self::Closed => Some(()),
        }
    }

    pub(super) fn release(&mut self, account: AccountId, quarks: Quarks) -> Option<()> {
        match self {
            Self::Open(ledger, _) => ledger.release(account, quarks),
            Self::Closed => Some(()),
        }
    }

    pub(super) fn settle(&mut self, from: AccountId, to: AccountId, quarks: Quarks) -> Option<()> {
        match self {
            Self::Open(ledger, _) => ledger.settle(from, to, quarks),
            Self::Closed => Some(()),
        }
    }

    pub(super) fn count(&mut self, side: Side, account: AccountId, quarks: Quarks, now: Timestamp) {
        if let Self::Open(_, usage) = self {
            usage.count(side, account, quarks, now);
        }
    }

    pub(super) fn uncount(&mut self, side: Side, account: AccountId, quarks: Quarks, then: Timestamp) {
        if let Self::Open(_, usage) = self {
            usage.uncount(side, account, quarks, then);
        }
    }
}
