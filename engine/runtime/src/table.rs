//! Small tables beside the log, for what is not a fact about money.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{PoisonError, RwLock};

use crate::log::Full;

/// The longest key, in bytes.
pub const MAX_KEY_BYTES: usize = 256;

/// The longest value, in bytes.
pub const MAX_VALUE_BYTES: usize = 64 * 1024;

/// Keys and values, in order of key, shared between threads.
///
/// # Durability
/// A write is durable after the next [`Table::sync`], or some time later without it, or never if the power fails before.
/// Whatever must not be lost belongs in the log. Writes may also be lost out of order.
pub trait Table: Debug + Send + Sync {
    /// The value of a key.
    ///
    /// # Errors
    /// The store fails.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, TableError>;

    /// Sets the value of a key.
    ///
    /// # Errors
    /// The key is longer than [`MAX_KEY_BYTES`], the value longer than [`MAX_VALUE_BYTES`], or the store fails.
    fn put(&self, key: &[u8], value: &[u8]) -> Result<(), TableError>;

    /// Removes a key, if it is there.
    ///
    /// # Errors
    /// The store fails.
    fn delete(&self, key: &[u8]) -> Result<(), TableError>;

    /// Waits until everything written before is durable.
    ///
    /// # Errors
    /// The store fails.
    fn sync(&self) -> Result<(), TableError>;

    /// The first `limit` entries whose key begins with `prefix`, in order of key.
    ///
    /// # Errors
    /// The store fails.
    fn scan(&self, prefix: &[u8], limit: usize) -> Result<Vec<Entry>, TableError> {
        self.scan_from(prefix, prefix, limit)
    }

    /// The same, of those whose key is `from` or behind it: to go through many in portions.
    ///
    /// # Errors
    /// The store fails.
    fn scan_from(&self, prefix: &[u8], from: &[u8], limit: usize) -> Result<Vec<Entry>, TableError>;
}

/// A key with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// At most [`MAX_KEY_BYTES`].
    pub key: Vec<u8>,
    /// At most [`MAX_VALUE_BYTES`].
    pub value: Vec<u8>,
}

/// Why a table did not do as asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// A key or value is too long.
    #[error("{what} has {got} bytes, at most {most} fit")]
    TooLong {
        /// "key" or "value".
        what: &'static str,
        /// The most bytes.
        most: usize,
        /// The bytes that came.
        got: usize,
    },
    /// The store has no room for now. Nothing was written.
    #[error("the table takes no writes for now: {0}")]
    Full(#[from] Full),
    /// The store failed.
    #[error("the table's store failed: {0}")]
    Store(String),
}

/// Checks an entry against the limits, as [`Table::put`] demands.
///
/// # Errors
/// [`TableError::TooLong`].
pub fn check_entry(key: &[u8], value: &[u8]) -> Result<(), TableError> {
    for (what, most, got) in [("key", MAX_KEY_BYTES, key.len()), ("value", MAX_VALUE_BYTES, value.len())] {
        if got > most {
            return Err(TableError::TooLong { what, most, got });
        }
    }
    Ok(())
}

/// A table in memory, gone with the process.
#[derive(Debug, Default)]
pub struct MemoryTable(RwLock<BTreeMap<Vec<u8>, Vec<u8>>>);

impl MemoryTable {
    /// An empty table.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl Table for MemoryTable {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, TableError> {
        Ok(self.0.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned())
    }

    fn put(&self, key: &[u8], value: &[u8]) -> Result<(), TableError> {
        check_entry(key, value)?;
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(key.to_vec(), value.to_vec());
        Ok(())
    }

    fn delete(&self, key: &[u8]) -> Result<(), TableError> {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(key);
        Ok(())
    }

    fn sync(&self) -> Result<(), TableError> {
        Ok(())
    }

    fn scan_from(&self, prefix: &[u8], from: &[u8], limit: usize) -> Result<Vec<Entry>, TableError> {
        let entries = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let under = entries.range(from.max(prefix).to_vec()..).take_while(|(key, _)| key.starts_with(prefix));
        Ok(under.take(limit).map(|(key, value)| Entry { key: key.clone(), value: value.clone() }).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::contract::check_table;

    #[test]
    fn the_memory_table_keeps_the_contract_of_tables() {
        check_table(&MemoryTable::new());
    }
}
