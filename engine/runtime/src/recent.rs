use std::collections::VecDeque;
use std::sync::{Arc, PoisonError, RwLock};

use quittance_core::event::Record;
use quittance_core::ids::Position;

/// How many records are kept. A reader further behind reads the log.
const CAPACITY: usize = 8192;

/// The last durable records, so that readers who keep up never touch the store.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    commits: RwLock<(VecDeque<Arc<Vec<Record>>>, usize)>,
}

impl Recent {
    /// Adds what one commit made durable, decision by decision: moving records together would cost more than keeping them.
    pub(crate) fn push(&self, decisions: impl Iterator<Item = Vec<Record>>) {
        let mut kept = self.commits.write().unwrap_or_else(PoisonError::into_inner);
        let (commits, count) = &mut *kept;
        for records in decisions.filter(|records| !records.is_empty()) {
            *count += records.len();
            commits.push_back(Arc::new(records));
        }
        while *count > CAPACITY
            && let Some(oldest) = commits.pop_front()
        {
            *count -= oldest.len();
        }
    }

    /// The record at `position`, if it is still kept.
    pub(crate) fn at(&self, position: Position) -> Option<Record> {
        let kept = self.commits.read().unwrap_or_else(PoisonError::into_inner);
        let behind =
            kept.0.partition_point(|commit| commit.last().is_none_or(|last| last.position < position));
        kept.0.get(behind)?.iter().find(|record| record.position == position).cloned()
    }

    /// The commits from the one that holds `from` on, or `None` when that one is no longer kept.
    pub(crate) fn since(&self, from: Position) -> Option<Vec<Arc<Vec<Record>>>> {
        let kept = self.commits.read().unwrap_or_else(PoisonError::into_inner);
        let first = |commit: &Arc<Vec<Record>>| commit.first().map(|record| record.position);
        if kept.0.front().and_then(first)? > from {
            return None;
        }
        let behind = kept.0.partition_point(|commit| commit.last().is_none_or(|last| last.position < from));
        Some(kept.0.range(behind..).cloned().collect())
    }
}
