use std::collections::HashSet;
use std::sync::Arc;

use quittance_core::ids::IntentId;
use quittance_runtime::table::{Table, TableError};

use super::inbox::{blocking, store_failed};
use super::refusal;
use crate::status::Status;

/// So that other tables can share the store.
const PREFIX: &[u8] = b"code-api/acknowledged/";

/// More than an intent has messages; see [`Inbox::letters`](super::inbox::Inbox).
const MAX_IDS: usize = 64;

/// The ids of an intent's messages that were acknowledged.
pub(super) async fn read(table: &Arc<dyn Table>, intent: IntentId) -> Result<HashSet<[u8; 16]>, Status> {
    let table = table.clone();
    blocking(move || {
        let prefix = key(intent, &[]);
        let entries = table.scan(&prefix, MAX_IDS).map_err(|error| failed(&error))?;
        Ok(entries.iter().filter_map(|entry| entry.key.get(prefix.len()..)?.try_into().ok()).collect())
    })
    .await
}

/// Remembers that messages were acknowledged. The ids are those of real messages: whoever calls has checked.
pub(super) async fn write(
    table: &Arc<dyn Table>,
    intent: IntentId,
    ids: Vec<[u8; 16]>,
) -> Result<(), Status> {
    let table = table.clone();
    blocking(move || {
        ids.iter().try_for_each(|id| table.put(&key(intent, id), &[])).map_err(|error| failed(&error))
    })
    .await
}

fn key(intent: IntentId, id: &[u8]) -> Vec<u8> {
    [PREFIX, &intent.0, id].concat()
}

fn failed(error: &TableError) -> Status {
    if let TableError::Full(_) = error {
        return refusal::full();
    }
    tracing::error!(%error, "the table of acknowledged messages failed");
    store_failed()
}
