use alloc::collections::BTreeMap;

use super::Shards;
use crate::ids::AccountId;
use crate::login::Relationship;
use crate::site::Domain;

/// The accounts that owners are known to sites by. An owner has at most one for a site, and none belongs to two.
#[derive(Clone, Debug, Default)]
pub struct Relationships {
    by_authority: Shards<AccountId, Relationship>,
    /// Derived. By owner, then by site: whoever asks has the owner.
    by_owner: Shards<AccountId, BTreeMap<Domain, AccountId>>,
}

impl Relationships {
    /// The account that a site knows an owner by.
    #[must_use]
    pub fn of(&self, owner: &AccountId, domain: &Domain) -> Option<AccountId> {
        self.by_owner.get(owner)?.get(domain).copied()
    }

    /// Every account that one owner is known to sites by, by site.
    pub fn of_owner(&self, owner: &AccountId) -> impl Iterator<Item = (&Domain, AccountId)> {
        let known = self.by_owner.get(owner).into_iter().flatten();
        known.map(|(domain, authority)| (domain, *authority))
    }

    /// Whose account it is, and with which site.
    #[must_use]
    pub fn get(&self, authority: &AccountId) -> Option<&Relationship> {
        self.by_authority.get(authority)
    }

    /// Every one, by account.
    pub fn iter(&self) -> impl Iterator<Item = (&AccountId, &Relationship)> {
        self.by_authority.iter()
    }

    pub(crate) fn len(&self) -> usize {
        self.by_authority.len()
    }

    /// `None`, and nothing changed, when either already has another.
    pub(crate) fn establish(&mut self, authority: AccountId, relationship: Relationship) -> Option<()> {
        let Relationship { owner, domain, .. } = &relationship;
        if self.of(owner, domain).is_some() || self.by_authority.contains_key(&authority) {
            return None;
        }
        self.by_owner.entry(*owner).insert(domain.clone(), authority);
        self.by_authority.insert(authority, relationship);
        Some(())
    }
}
