//! A state as bytes, to begin from instead of the first record. Never trusted over the log: whoever loads one compares the
//! digest and the chain hash that it was kept with, and replays everything when either differs.
//!
//! What has ended is not in it. Its keys and the positions of its records are kept elsewhere, and [`State::recall`] brings it
//! back.

mod parts;

use alloc::sync::Arc;
use alloc::vec::Vec;

use bincode::config::{Configuration, Limit};

use crate::ids::{AccountId, IntentId, NodeId, Position, Timestamp};
use crate::money::Quarks;
use crate::record::DecodeError;
use crate::record::whole;
use crate::state::{Archive, State};
use parts::{AccountV3, HeadV3, IntentV3, RatesV3, RelationshipV3, ScheduledWithdrawalV3, UsageV3};

/// The version that is written, and the only one that is read: a snapshot of another version is made anew from the log.
pub const VERSION: u16 = 3;

/// The longest item, in bytes: an intent with every refund that a policy can allow, and every attempt at each.
pub const MAX_ITEM_BYTES: usize = 64 * 1024 * 1024;

const CONFIG: Configuration<bincode::config::LittleEndian, bincode::config::Varint, Limit<MAX_ITEM_BYTES>> =
    bincode::config::standard().with_limit::<MAX_ITEM_BYTES>();

/// One item. Their order is that of the variants, and within each that of the state's own maps.
#[derive(bincode::Encode, bincode::BorrowDecode)]
enum ItemV3<'a> {
    Head(HeadV3),
    Rates(RatesV3<'a>),
    Account(AccountV3),
    Usage(UsageV3),
    Withdrawal(ScheduledWithdrawalV3<'a>),
    Relationship(RelationshipV3<'a>),
    Intent(IntentV3<'a>),
    /// The number of items before it. Without it the end may be missing.
    End(u64),
}

impl State {
    /// Shares what a snapshot needs of this state and leaves out what follows from the rest. Takes no time to speak of: the
    /// maps are copied piece by piece, as this state goes on being written to.
    #[must_use]
    pub fn freeze(&self) -> Self {
        self.clone_without_indexes()
    }
}

/// A state as items, each shorter than [`MAX_ITEM_BYTES`]. Works on a state that was [frozen](State::freeze).
///
/// # Determinism
/// The same state gives the same items.
pub fn items(state: &State) -> impl Iterator<Item = Vec<u8>> {
    let ended = state.ended().count() as u64;
    let head = core::iter::once_with(move || ItemV3::Head(HeadV3::of(state, state.away + ended)));
    // From the oldest to the newest, as they were published.
    let tables: Vec<_> = state.rates.tables().collect();
    let rates = tables.into_iter().rev().map(|table| ItemV3::Rates(RatesV3::of(table)));
    let accounts = state.ledger.accounts().map(|(id, account)| ItemV3::Account(AccountV3::of(id, account)));
    let usage = state.usage.accounts().map(|(key, windows)| ItemV3::Usage(UsageV3::of(key, windows)));
    let open = state.withdrawals.iter().filter(|(_, known)| !known.has_ended());
    let withdrawals = open.map(|(_, known)| ItemV3::Withdrawal(known.into()));
    let relationships =
        state.relationships.iter().map(|(id, known)| ItemV3::Relationship(RelationshipV3::of(id, known)));
    let open = state.intents.iter().filter(|(_, intent)| !intent.has_ended());
    let intents = open.map(|(id, intent)| ItemV3::Intent(IntentV3::of(id, intent)));
    let items =
        head.chain(rates).chain(accounts).chain(usage).chain(withdrawals).chain(relationships).chain(intents);
    let mut count = 0;
    let mut items = items.fuse();
    let mut ended = false;
    core::iter::from_fn(move || match items.next() {
        Some(item) => {
            count += 1;
            Some(bytes(&item))
        }
        None if ended => None,
        None => {
            ended = true;
            Some(bytes(&ItemV3::End(count)))
        }
    })
}

/// Makes a state from items, given in order.
#[derive(Debug, Default)]
pub struct Loader {
    state: State,
    items: u64,
    /// The variant of the last item.
    last: u8,
    ended: bool,
}

impl Loader {
    /// Takes the next item.
    ///
    /// # Errors
    /// It is not one, or not in its place.
    pub fn item(&mut self, bytes: &[u8]) -> Result<(), DecodeError> {
        if bytes.len() > MAX_ITEM_BYTES {
            return Err(DecodeError::Size { got: bytes.len() });
        }
        let item: ItemV3<'_> = whole(bytes, CONFIG)?;
        let place = item.place();
        let first = self.items == 0;
        // One head, and nothing but it first.
        if self.ended || place < self.last || first != (place == 0) {
            return Err(DecodeError::OutOfRange { field: "item" });
        }
        self.last = place;
        let state = &mut self.state;
        match item {
            ItemV3::Head(head) => head.into_state(state)?,
            ItemV3::Rates(table) => state.rates.publish(table.into_table()?),
            ItemV3::Account(account) => account.into_ledger(&mut state.ledger)?,
            ItemV3::Usage(usage) => usage.into_usage(&mut state.usage)?,
            ItemV3::Withdrawal(known) => {
                let known = known.into_withdrawal()?;
                if known.has_ended() {
                    return Err(DecodeError::OutOfRange { field: "withdrawal" });
                }
                let id = known.withdrawal.transaction();
                state.open_withdrawals.insert(id);
                state.withdrawals.insert(id, known);
            }
            ItemV3::Relationship(known) => known.into_relationships(&mut state.relationships)?,
            ItemV3::Intent(known) => {
                let (id, intent) = known.into_intent()?;
                if intent.status() == crate::state::Status::Created {
                    state.deadlines.insert((intent.expires_at, id));
                }
                if intent.is_unsettled() {
                    state.unsettled.insert(id);
                }
                if let Some(due) = intent.delivery_due() {
                    state.deliveries.insert((due, id));
                }
                state.open += usize::from(!intent.has_ended());
                state.undelivered += usize::from(intent.is_undelivered());
                state.intents.insert(id, Arc::new(intent));
            }
            ItemV3::End(count) if count == self.items => self.ended = true,
            ItemV3::End(_) => return Err(DecodeError::OutOfRange { field: "end" }),
        }
        self.items += 1;
        Ok(())
    }

    /// The state, once every item was taken. Its digest has still to be compared.
    ///
    /// # Errors
    /// The last item has not come.
    pub fn finish(self) -> Result<State, DecodeError> {
        if self.ended { Ok(self.state) } else { Err(DecodeError::OutOfRange { field: "end" }) }
    }
}

impl ItemV3<'_> {
    fn place(&self) -> u8 {
        match self {
            Self::Head(_) => 0,
            Self::Rates(_) => 1,
            Self::Account(_) => 2,
            Self::Usage(_) => 3,
            Self::Withdrawal(_) => 4,
            Self::Relationship(_) => 5,
            Self::Intent(_) => 6,
            Self::End(_) => 7,
        }
    }
}

fn bytes(item: &ItemV3<'_>) -> Vec<u8> {
    bincode::encode_to_vec(item, CONFIG)
        .expect("writing to memory cannot fail, and every type here has an encoding")
}
