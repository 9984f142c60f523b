use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;

use super::{Sharded, Shards};
use crate::ids::{AccountId, Timestamp};
use crate::money::Quarks;

/// A day of steps, in microseconds: five minutes.
const DAY_STEP: u64 = 300_000_000;
const STEPS_A_DAY: u64 = 288;
/// A step of the five minutes, in microseconds: ten seconds.
const SHORT_STEP: u64 = 10_000_000;
const STEPS_IN_FIVE_MINUTES: u64 = 30;

/// What every account paid, was paid and took out in the last 24 hours, for the policy's limits.
///
/// The windows slide in steps: 24 hours are 288 steps of five minutes and the one under way, five minutes are 30 steps of ten
/// seconds and the one under way. So a window is never shorter than its name, at most a step longer, and an account takes a
/// bounded amount of memory however often it pays. Whatever is older is forgotten at the next payment of anybody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    accounts: Shards<(AccountId, Side), Windows>,
    /// Who was active in which step of the day, so that the idle can be forgotten without looking at everybody.
    active: BTreeMap<u64, Arc<BTreeSet<(AccountId, Side)>>>,
}

impl Sharded for (AccountId, Side) {
    fn first_byte(&self) -> u8 {
        self.0.first_byte()
    }
}

/// What an account does with quarks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Side {
    /// It pays.
    Payer = 1,
    /// It is paid, as a destination.
    Merchant = 2,
    /// It takes them out.
    Owner = 3,
}

/// One account's figures by step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Windows {
    pub(crate) amounts: BTreeMap<u64, Quarks>,
    pub(crate) payments: BTreeMap<u64, u32>,
}

impl Usage {
    /// The quarks that an account moved in the 24 hours before `now`.
    #[must_use]
    pub fn day(&self, side: Side, account: &AccountId, now: Timestamp) -> Quarks {
        let first = (now.0 / DAY_STEP).saturating_sub(STEPS_A_DAY);
        let amounts = self.accounts.get(&(*account, side)).map(|windows| windows.amounts.range(first..));
        Quarks::checked_sum(amounts.into_iter().flatten().map(|(_, quarks)| *quarks)).unwrap_or(Quarks::MAX)
    }

    /// Whether what moved at `then` counts at `now` towards the 24 hours.
    pub(crate) fn is_within_day(then: Timestamp, now: Timestamp) -> bool {
        then.0 / DAY_STEP >= (now.0 / DAY_STEP).saturating_sub(STEPS_A_DAY)
    }

    /// How often an account moved quarks in the five minutes before `now`.
    #[must_use]
    pub fn five_minutes(&self, side: Side, account: &AccountId, now: Timestamp) -> u32 {
        let first = (now.0 / SHORT_STEP).saturating_sub(STEPS_IN_FIVE_MINUTES);
        let payments = self.accounts.get(&(*account, side)).map(|windows| windows.payments.range(first..));
        payments.into_iter().flatten().map(|(_, count)| *count).fold(0, u32::saturating_add)
    }

    /// Every account with figures, and these by step.
    pub(crate) fn accounts(&self) -> impl Iterator<Item = (&(AccountId, Side), &Windows)> {
        self.accounts.iter()
    }

    /// An account's figures as a snapshot has them.
    pub(crate) fn put_back(&mut self, key: (AccountId, Side), windows: Windows) {
        for step in windows.amounts.keys() {
            Arc::make_mut(self.active.entry(*step).or_default()).insert(key);
        }
        self.accounts.insert(key, windows);
    }

    /// Counts quarks that an account moves at `now`. Their sum over a day fits: see [`crate::policy::Limits`].
    pub(crate) fn count(&mut self, side: Side, account: AccountId, quarks: Quarks, now: Timestamp) {
        self.forget(now);
        let (day_step, short_step, key) = (now.0 / DAY_STEP, now.0 / SHORT_STEP, (account, side));
        let windows = self.accounts.entry(key);
        let amount = windows.amounts.entry(day_step).or_default();
        *amount = amount.checked_add(quarks).unwrap_or(Quarks::MAX);
        windows.payments = windows.payments.split_off(&short_step.saturating_sub(STEPS_IN_FIVE_MINUTES));
        let payments = windows.payments.entry(short_step).or_default();
        *payments = payments.saturating_add(1);
        Arc::make_mut(self.active.entry(day_step).or_default()).insert(key);
    }

    /// What was counted at `then` has failed: its amount does not count any more.
    pub(crate) fn uncount(&mut self, side: Side, account: AccountId, quarks: Quarks, then: Timestamp) {
        let amounts = self.accounts.get_mut(&(account, side)).map(|windows| &mut windows.amounts);
        if let Some(amount) = amounts.and_then(|amounts| amounts.get_mut(&(then.0 / DAY_STEP))) {
            *amount = amount.checked_sub(quarks).unwrap_or_default();
        }
    }

    fn forget(&mut self, now: Timestamp) {
        let first = (now.0 / DAY_STEP).saturating_sub(STEPS_A_DAY);
        while let Some(oldest) = self.active.first_entry().filter(|oldest| *oldest.key() < first) {
            for key in oldest.remove().iter() {
                let Some(windows) = self.accounts.get_mut(key) else { continue };
                windows.amounts = windows.amounts.split_off(&first);
                if windows.amounts.is_empty() {
                    self.accounts.remove(key);
                }
            }
        }
    }
}
