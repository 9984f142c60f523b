//! Keeps memory and restarts short: puts what has ended into the archive, and the state into snapshots, beside the running
//! engine.

mod snapshot;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_channel::{Receiver, Sender};
use quittance_core::frame::Tip;
use quittance_core::ids::Position;
use quittance_core::state::{Key, State};

use crate::archive::{Archive, ArchiveError};
use crate::handle::Shared;
use crate::sequencer::Job;
use crate::table::Table;

pub(crate) use snapshot::{clear, load};

/// How often what has ended leaves memory, and how often a snapshot is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoints {
    /// After this many records what has ended is put away; at least 1. Until then it takes about 300 bytes of memory a record.
    pub archive_every: u64,
    /// A snapshot is taken when this many records are new, and [`Checkpoints::snapshot_per_open`] for each open intent. A start
    /// replays at most about twice as many.
    pub snapshot_every: u64,
    /// Keeps the writing of snapshots a small part of the work when very many intents are open.
    pub snapshot_per_open: u64,
}

impl Default for Checkpoints {
    /// Some 60 MiB of what has ended, and a second or less of replay at a start.
    fn default() -> Self {
        Self { archive_every: 200_000, snapshot_every: 400_000, snapshot_per_open: 4 }
    }
}

/// Keys that the sequencer puts away between two commands.
const KEYS_AT_A_TIME: usize = 256;

/// A state at rest, and what is to be made of it.
#[derive(Debug)]
pub(crate) struct Frozen {
    pub(crate) state: State,
    /// Whether a snapshot is wanted, too.
    pub(crate) snapshot: bool,
}

/// When the next one is due. Lives in the sequencer.
#[derive(Debug)]
pub(crate) struct Schedule {
    pub(crate) every: Checkpoints,
    pub(crate) archived: Position,
    pub(crate) saved: Position,
    /// Set while one is under way.
    pub(crate) busy: Arc<AtomicBool>,
}

impl Schedule {
    /// What is due at this state, if anything.
    pub(crate) fn due(&mut self, state: &State) -> Option<Frozen> {
        let position = state.position();
        if position.0 - self.archived.0 < self.every.archive_every || self.busy.load(Ordering::Acquire) {
            return None;
        }
        let wait =
            self.every.snapshot_every.max(self.every.snapshot_per_open.saturating_mul(state.open() as u64));
        let snapshot = position.0 - self.saved.0 >= wait;
        self.begin(state, snapshot)
    }

    /// The last one, so that the next start is short. Nothing when there is nothing new.
    pub(crate) fn last(&mut self, state: &State) -> Option<Frozen> {
        let new = state.position() > self.saved;
        if new && !self.busy.load(Ordering::Acquire) { self.begin(state, true) } else { None }
    }

    fn begin(&mut self, state: &State, snapshot: bool) -> Option<Frozen> {
        self.busy.store(true, Ordering::Release);
        self.archived = state.position();
        if snapshot {
            self.saved = state.position();
        }
        Some(Frozen { state: state.freeze(), snapshot })
    }
}

/// The thread that makes them.
#[derive(Debug)]
pub(crate) struct Checkpointer {
    pub(crate) table: Arc<dyn Table>,
    pub(crate) archive: Archive,
    /// The number of the next snapshot.
    pub(crate) next: u64,
    pub(crate) work: Receiver<(Frozen, Tip)>,
    pub(crate) jobs: Sender<Job>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) busy: Arc<AtomicBool>,
    /// Dropped with the thread: the store must not be closed before.
    pub(crate) _alive: Sender<()>,
}

impl Checkpointer {
    /// Runs until the committer is gone.
    pub(crate) fn run(mut self) {
        while let Ok((frozen, tip)) = self.work.recv() {
            let _busy = Busy(Arc::clone(&self.busy));
            if let Err(error) = self.checkpoint(frozen, tip) {
                // Nothing is lost: memory keeps what the archive did not take.
                let again = "start the node with --rebuild if this comes again";
                tracing::error!(%error, position = tip.position.0, again, "no checkpoint was made");
            }
        }
    }

    fn checkpoint(&mut self, frozen: Frozen, tip: Tip) -> Result<(), Error> {
        let Frozen { state, snapshot } = frozen;
        let (archive, away) = self.archive.with_ended(&state)?;
        self.archive = archive;
        self.shared.recall.replace(&self.archive);
        // From here on they are found there, whatever becomes of the snapshot.
        self.put_away(&away);
        if snapshot {
            snapshot::save(&*self.table, self.next, tip, &state, self.archive.ids())?;
            self.next += 1;
            drop(state);
            self.archive.sweep()?;
            let (position, archived) = (tip.position.0, self.archive.entries());
            tracing::debug!(position, archived, "snapshot taken");
        }
        Ok(())
    }

    fn put_away(&self, away: &[(Key, Position)]) {
        for keys in away.chunks(KEYS_AT_A_TIME) {
            if self.jobs.send(Job::PutAway(keys.to_vec())).is_err() {
                return;
            }
        }
    }
}

/// Says that the next checkpoint may come, however this one ends.
struct Busy(Arc<AtomicBool>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    #[error("a snapshot: {0}")]
    Snapshot(#[from] snapshot::SnapshotError),
}
