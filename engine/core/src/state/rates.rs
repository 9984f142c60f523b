use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::String;

use core::time::Duration;

use crate::currency::{Currency, Rate};
use crate::ids::Timestamp;

/// The most rates in one table: the protocol knows 154 currencies.
pub const MAX_RATES: usize = 256;
/// The longest name of a table's source.
pub const MAX_SOURCE_BYTES: usize = 128;
/// The most tables kept (protocol e.6). A table is not published as long as it would push out one that a live quote may stand
/// on; one that only the policy's rate window would still let count may be.
pub const MAX_TABLES: usize = 32;

/// Exchange rates as they were published, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    tables: VecDeque<RateTable>,
}

/// The rates of one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateTable {
    /// When they came in.
    pub published_at: Timestamp,
    /// Where they came from.
    pub source: String,
    /// The price of one kin in each currency.
    pub rates: BTreeMap<Currency, Rate>,
}

impl RateTable {
    /// The price of one kin; always one for kin itself.
    #[must_use]
    pub fn rate(&self, currency: Currency) -> Option<Rate> {
        if currency == Currency::KIN { Some(Rate::ONE) } else { self.rates.get(&currency).copied() }
    }
}

impl Rates {
    /// The newest table.
    #[must_use]
    pub fn latest(&self) -> Option<&RateTable> {
        self.tables.front()
    }

    /// Every table kept, newest first.
    pub fn tables(&self) -> impl Iterator<Item = &RateTable> {
        self.tables.iter()
    }

    /// The tables that count for a submission at `now`, newest first: the newest, and those that were the newest at some
    /// moment of the window.
    pub fn in_window(&self, now: Timestamp, window: Duration) -> impl Iterator<Item = &RateTable> {
        let start = now.saturating_sub(window);
        // A table counts until the one after it was published; the first has none after it.
        let replaced =
            core::iter::once(Timestamp(u64::MAX)).chain(self.tables.iter().map(|t| t.published_at));
        self.tables
            .iter()
            .zip(replaced)
            .take_while(move |(_, replaced)| *replaced >= start)
            .map(|(table, _)| table)
    }

    /// When the table that the next one pushes out was replaced; `None` as long as there is room.
    pub(crate) fn pushed_out(&self) -> Option<Timestamp> {
        let newer = self.tables.len().checked_sub(2).filter(|_| self.tables.len() >= MAX_TABLES)?;
        self.tables.get(newer).map(|table| table.published_at)
    }

    pub(crate) fn publish(&mut self, table: RateTable) {
        self.tables.push_front(table);
        self.tables.truncate(MAX_TABLES);
    }
}
