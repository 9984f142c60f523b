use std::fmt::Debug;
use std::sync::Arc;

use super::AppendError;

/// Says whether a store has room for what would be decided next.
///
/// A store that fills up inside a write may leave the write half done, and what was decided for it is decided already. So the
/// engine asks before it decides: without room it refuses what would be written, and goes on answering what only looks.
pub trait Room: Debug + Send + Sync {
    /// Whether more may be decided. Must be quick: it is asked in front of every command. It may remember its answer for
    /// some milliseconds, if the store keeps enough back for what is decided meanwhile.
    ///
    /// # Errors
    /// There is no room.
    fn check(&self) -> Result<(), Full>;
}

/// A store has no room for now: how much it has, how much it needs, and where. Nothing was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Full(pub String);

impl From<Full> for AppendError {
    fn from(full: Full) -> Self {
        Self::Full(full.0)
    }
}

/// A store that leaves it to its appends to say that it is full.
#[derive(Debug)]
struct Unbounded;

impl Room for Unbounded {
    fn check(&self) -> Result<(), Full> {
        Ok(())
    }
}

pub(super) fn unbounded() -> Arc<dyn Room> {
    Arc::new(Unbounded)
}
