use std::sync::Arc;

use quittance_runtime::log::Room;
use quittance_runtime::table::{Entry, Table, TableError, check_entry};

use crate::reserve::Reserve;
use crate::store::Store;

/// A table in the log's own store: no file of its own, and synced along with the log's appends.
#[derive(Clone, Debug)]
pub struct SledTable {
    store: Arc<Store>,
    reserve: Reserve,
    tree: String,
}

impl SledTable {
    pub(crate) fn new(store: Arc<Store>, reserve: Reserve, name: &str) -> Self {
        Self { store, reserve, tree: format!("table.{name}") }
    }
}

impl Table for SledTable {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, TableError> {
        let value = self.store.read(&self.tree, |tree| tree.get(key))?;
        Ok(value.map(|value| value.to_vec()))
    }

    fn put(&self, key: &[u8], value: &[u8]) -> Result<(), TableError> {
        check_entry(key, value)?;
        self.reserve.check()?;
        Ok(self.store.write_later(&self.tree, |tree| tree.insert(key, value).map(drop))?)
    }

    fn delete(&self, key: &[u8]) -> Result<(), TableError> {
        self.reserve.check()?;
        Ok(self.store.write_later(&self.tree, |tree| tree.remove(key).map(drop))?)
    }

    fn sync(&self) -> Result<(), TableError> {
        Ok(self.store.sync()?)
    }

    fn scan_from(&self, prefix: &[u8], from: &[u8], limit: usize) -> Result<Vec<Entry>, TableError> {
        let found = self.store.read(&self.tree, |tree| {
            let entry =
                |(key, value): (sled::IVec, sled::IVec)| Entry { key: key.to_vec(), value: value.to_vec() };
            let is_under = |pair: &sled::Result<(sled::IVec, _)>| {
                pair.as_ref().map_or(true, |(key, _)| key.starts_with(prefix))
            };
            let behind = tree.range(from.max(prefix)..).take_while(is_under);
            behind.take(limit).map(|pair| pair.map(entry)).collect()
        })?;
        Ok(found)
    }
}
