//! Where the records about each thing that has ended are in the log: the last one, and those before it that no later record names.
//!
//! Kept in a [`Table`], in runs: sorted, never changed, each with a filter in memory that knows most strangers. A checkpoint adds
//! a run; when there are many of one size they are merged into one of the next. Nothing here is a fact: it all follows from the
//! log, every byte is checked against hashes that a snapshot names, and a restart that does not like it makes it anew.

mod filter;
mod name;
mod run;

use std::sync::Arc;

use quittance_core::ids::Position;
use quittance_core::state::{Key, State};

use crate::table::{Table, TableError};
use filter::Hashed;
use name::Name;
use run::{Entry, Run};

pub(crate) use run::RunId;

/// As many runs of one level become one of the next: 10 million names in runs of 30 thousand are then in 15 runs or so.
const FANOUT: usize = 8;

/// Why the archive cannot answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArchiveError {
    /// The table failed.
    #[error(transparent)]
    Table(#[from] TableError),
    /// What it holds is not what was written.
    #[error("run {run} of the archive of ended intents is damaged")]
    Damaged {
        /// Which run.
        run: u64,
    },
}

/// One version of the archive. Never changed: a new one takes its place.
#[derive(Clone, Debug)]
pub(crate) struct Archive {
    table: Arc<dyn Table>,
    /// The oldest first.
    runs: Vec<Arc<Run>>,
    next: u64,
    /// Runs that later ones replace, to be removed once no snapshot names them.
    retired: Vec<u64>,
}

impl Archive {
    /// An empty archive. Whatever an earlier one left in the table goes.
    pub(crate) fn new(table: Arc<dyn Table>) -> Result<Self, ArchiveError> {
        Self::open(table, &[])
    }

    /// The archive of these runs, the oldest first. Runs that are not among them go.
    pub(crate) fn open(table: Arc<dyn Table>, ids: &[RunId]) -> Result<Self, ArchiveError> {
        let mut archive = Self::open_without_sweep(table, ids)?;
        // What is not needed takes room and nothing else; a disk that is full must not cost the archive.
        if let Err(error) = archive.sweep() {
            tracing::warn!(%error, "old parts of the archive were not removed");
        }
        Ok(archive)
    }

    fn open_without_sweep(table: Arc<dyn Table>, ids: &[RunId]) -> Result<Self, ArchiveError> {
        let opened = ids.iter().map(|id| Run::open(&table, *id).map(Arc::new));
        let runs = opened.collect::<Result<Vec<_>, _>>()?;
        let mut retired = run::numbers(&*table)?;
        let next = retired.iter().chain(ids.iter().map(|id| &id.number)).max().map_or(0, |last| last + 1);
        retired.retain(|number| ids.iter().all(|id| id.number != *number));
        Ok(Self { table, runs, next, retired })
    }

    /// The position of the last record about a thing that has ended; `None` when no such thing is known.
    pub(crate) fn find(&self, key: &Key) -> Result<Option<Position>, ArchiveError> {
        self.get(&Name::Last(*key))
    }

    /// The records up to the one at `last` that each have to be looked up here, the first one first: for a record that names the
    /// one before, itself alone.
    pub(crate) fn trail(&self, last: Position) -> Result<Vec<Position>, ArchiveError> {
        let mut trail = vec![last];
        let mut at = last;
        // Each is before the last, whatever the table says.
        while let Some(before) = self.get(&Name::Before(at))?.filter(|before| *before < at) {
            trail.push(before);
            at = before;
        }
        trail.reverse();
        Ok(trail)
    }

    /// Whether a key may be there. At once, and nearly always false for one that is not.
    pub(crate) fn may_contain(&self, key: &Key) -> bool {
        let name = Hashed::from(&Name::Last(*key));
        self.runs.iter().any(|run| run.may_contain(name))
    }

    /// The archive with all that has ended in a state, and what that is. Where a key is there already, the new position counts.
    pub(crate) fn with_ended(&self, state: &State) -> Result<(Self, Vec<(Key, Position)>), ArchiveError> {
        let ended: Vec<_> = state.ended().collect();
        let last = ended.iter().map(|(key, last)| (Name::Last(*key), *last));
        let links = state.links().map(|(at, before)| (Name::Before(at), before));
        Ok((self.with(last.chain(links).collect())?, ended))
    }

    fn get(&self, name: &Name) -> Result<Option<Position>, ArchiveError> {
        for run in self.runs.iter().rev() {
            if let Some(position) = run.find(name)? {
                return Ok(Some(position));
            }
        }
        Ok(None)
    }

    fn with(&self, mut entries: Vec<Entry>) -> Result<Self, ArchiveError> {
        let mut next = self.clone();
        if entries.is_empty() {
            return Ok(next);
        }
        entries.sort_unstable();
        let most = entries.len();
        let run = Run::write(&self.table, next.take_number(), 0, most, entries.into_iter().map(Ok))?;
        next.runs.push(Arc::new(run));
        while let Some(level) = next.crowded() {
            next.merge(level)?;
        }
        Ok(next)
    }

    /// Its runs, the oldest first.
    pub(crate) fn ids(&self) -> Vec<RunId> {
        self.runs.iter().map(|run| run.id).collect()
    }

    /// How many entries it has, those counted twice that were archived again.
    pub(crate) fn entries(&self) -> u64 {
        self.runs.iter().map(|run| run.id.entries).sum()
    }

    /// Removes what was merged away. To be called when no snapshot names it any more.
    pub(crate) fn sweep(&mut self) -> Result<(), ArchiveError> {
        while let Some(number) = self.retired.last() {
            Run::remove(&*self.table, *number)?;
            self.retired.pop();
        }
        Ok(())
    }

    fn take_number(&mut self) -> u64 {
        self.next += 1;
        self.next - 1
    }

    /// The lowest level with too many runs. The runs of a level stand side by side: they are merged from the oldest on.
    fn crowded(&self) -> Option<u8> {
        let level = self.runs.iter().map(|run| run.id.level).min()?;
        let count = |level| self.runs.iter().filter(|run| run.id.level == level).count();
        (level..=self.runs.first()?.id.level).find(|level| count(*level) >= FANOUT)
    }

    fn merge(&mut self, level: u8) -> Result<(), ArchiveError> {
        let (old, kept): (Vec<_>, Vec<_>) = self.runs.drain(..).partition(|run| run.id.level == level);
        let most = old.iter().map(|run| usize::try_from(run.id.entries).unwrap_or(usize::MAX)).sum();
        let merged = Merge::of(old.iter().map(|run| run.entries().peekable()).collect());
        let number = self.take_number();
        let run = Run::write(&self.table, number, level + 1, most, merged)?;
        self.retired.extend(old.iter().map(|run| run.id.number));
        // Behind every run of its new level, which are older, and before those of lower levels, which are newer.
        let at = kept.partition_point(|run| run.id.level > level);
        self.runs = kept;
        self.runs.insert(at, Arc::new(run));
        Ok(())
    }
}

/// Several runs as one: in order of name, of each name only what the newest run says.
struct Merge<I: Iterator<Item = Result<Entry, ArchiveError>>> {
    /// The oldest first.
    runs: Vec<std::iter::Peekable<I>>,
}

impl<I: Iterator<Item = Result<Entry, ArchiveError>>> Merge<I> {
    fn of(runs: Vec<std::iter::Peekable<I>>) -> Self {
        Self { runs }
    }
}

impl<I: Iterator<Item = Result<Entry, ArchiveError>>> Iterator for Merge<I> {
    type Item = Result<Entry, ArchiveError>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut least: Option<Name> = None;
        for run in &mut self.runs {
            match run.peek() {
                Some(Ok((name, _))) if least.is_none_or(|least| *name < least) => least = Some(*name),
                Some(Ok(_)) | None => {}
                Some(Err(_)) => return run.next(),
            }
        }
        let least = least?;
        let mut newest = None;
        for run in &mut self.runs {
            if let Some(entry) = run.next_if(|entry| entry.as_ref().is_ok_and(|(name, _)| *name == least)) {
                newest = Some(entry);
            }
        }
        newest
    }
}

#[cfg(test)]
mod tests;
