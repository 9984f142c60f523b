use quittance_core::ids::{DepositKey, IntentId, Position, TransactionId};
use quittance_core::state::Key;

/// What the archive keeps a position under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Name {
    /// A thing that has ended: where the last record about it is.
    Last(Key),
    /// A record that does not name the one before about the same thing: where that one is.
    Before(Position),
}

impl Name {
    /// A tag and as many bytes as every name has. The order of names is that of their tags and bytes.
    pub(super) fn parts(&self) -> (u8, [u8; 32]) {
        match self {
            Self::Last(Key::Intent(id)) => (1, id.0),
            Self::Last(Key::Deposit(key)) => (2, key.0),
            Self::Last(Key::Withdrawal(id)) => (3, id.0),
            Self::Before(at) => {
                let mut bytes = [0; 32];
                bytes[..8].copy_from_slice(&at.0.to_be_bytes());
                (4, bytes)
            }
        }
    }

    /// The name with these parts; `None` when no name has them.
    pub(super) fn of(tag: u8, bytes: [u8; 32]) -> Option<Self> {
        let name = match tag {
            1 => Self::Last(Key::Intent(IntentId(bytes))),
            2 => Self::Last(Key::Deposit(DepositKey(bytes))),
            3 => Self::Last(Key::Withdrawal(TransactionId(bytes))),
            4 => Self::Before(Position(u64::from_be_bytes(*bytes.first_chunk()?))),
            _ => return None,
        };
        (name.parts() == (tag, bytes)).then_some(name)
    }
}
