use super::Shards;
use crate::ids::AccountId;
use crate::money::Quarks;

/// The accounts and what they hold. Every operation is all or nothing; `None` says it would break a rule and did nothing.
///
/// Invariant: the balances add up to what was deposited less what was withdrawn, and no account has more reserved than it
/// holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    accounts: Shards<AccountId, Account>,
    /// In quarks. Wider than a balance: what goes in and out again counts each time.
    deposited: u128,
    withdrawn: u128,
}

/// What one account holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// All of it.
    pub balance: Quarks,
    /// The part set aside for scheduled payments, refunds and withdrawals; at most the balance.
    pub reserved: Quarks,
}

impl Account {
    /// What the account can still spend.
    #[must_use]
    pub fn available(&self) -> Quarks {
        self.balance.checked_sub(self.reserved).unwrap_or(Quarks::ZERO)
    }
}

impl Ledger {
    /// What an account holds; nothing if it was never heard of.
    #[must_use]
    pub fn account(&self, id: &AccountId) -> Account {
        self.accounts.get(id).copied().unwrap_or_default()
    }

    /// Whether an account ever held anything.
    #[must_use]
    pub fn contains(&self, id: &AccountId) -> bool {
        self.accounts.contains_key(id)
    }

    /// Every account that ever held anything, by id.
    pub fn accounts(&self) -> impl Iterator<Item = (&AccountId, &Account)> {
        self.accounts.iter()
    }

    /// All that ever came in from outside, in quarks.
    #[must_use]
    pub fn deposited(&self) -> u128 {
        self.deposited
    }

    /// All that ever left, in quarks.
    #[must_use]
    pub fn withdrawn(&self) -> u128 {
        self.withdrawn
    }

    /// What all accounts hold together. It fits, so no sum of balances can overflow.
    #[must_use]
    pub fn held(&self) -> Quarks {
        u64::try_from(self.deposited - self.withdrawn).map_or(Quarks::MAX, Quarks::new)
    }

    /// A ledger without accounts yet, for a snapshot that is read.
    pub(crate) fn with_totals(deposited: u128, withdrawn: u128) -> Option<Self> {
        deposited.checked_sub(withdrawn)?;
        Some(Self { deposited, withdrawn, ..Self::default() })
    }

    /// An account as a snapshot has it; `None` when it was there already.
    pub(crate) fn put_back(&mut self, id: AccountId, account: Account) -> Option<()> {
        self.accounts.insert(id, account).is_none().then_some(())
    }

    pub(crate) fn deposit(&mut self, id: AccountId, quarks: Quarks) -> Option<()> {
        self.held().checked_add(quarks)?;
        let account = self.accounts.entry(id);
        account.balance = account.balance.checked_add(quarks)?;
        self.deposited += u128::from(quarks.get());
        Some(())
    }

    pub(crate) fn reserve(&mut self, id: AccountId, quarks: Quarks) -> Option<()> {
        let account = self.accounts.get_mut(&id)?;
        let reserved = account.reserved.checked_add(quarks)?;
        account.balance.checked_sub(reserved)?;
        account.reserved = reserved;
        Some(())
    }

    pub(crate) fn release(&mut self, id: AccountId, quarks: Quarks) -> Option<()> {
        let account = self.accounts.get_mut(&id)?;
        account.reserved = account.reserved.checked_sub(quarks)?;
        Some(())
    }

    /// Lets quarks go that the account had reserved.
    pub(crate) fn withdraw(&mut self, id: AccountId, quarks: Quarks) -> Option<()> {
        let account = self.accounts.get_mut(&id)?;
        let balance = account.balance.checked_sub(quarks)?;
        account.reserved = account.reserved.checked_sub(quarks)?;
        account.balance = balance;
        self.withdrawn += u128::from(quarks.get());
        Some(())
    }

    /// Moves quarks that `from` had reserved.
    pub(crate) fn settle(&mut self, from: AccountId, to: AccountId, quarks: Quarks) -> Option<()> {
        let mut payer = self.account(&from);
        payer.balance = payer.balance.checked_sub(quarks)?;
        payer.reserved = payer.reserved.checked_sub(quarks)?;
        let mut receiver = if from == to { payer } else { self.account(&to) };
        receiver.balance = receiver.balance.checked_add(quarks)?;
        self.accounts.insert(from, payer);
        self.accounts.insert(to, receiver);
        Some(())
    }
}
