use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender};
use quittance_core::event::Record;
use quittance_core::frame::{FrameBuilder, Tip};
use quittance_core::ids::Position;
use quittance_core::machine::Accepted;
use tokio::sync::watch;

use crate::checkpoint::Frozen;
use crate::error::{Error, Failure};
use crate::handle::Shared;
use crate::log::{EventLog, LogError};
use crate::sequencer::{BatchReply, Reply, Told, reply};

/// The most records in one commit: bounds what one sync can lose and what is held in memory meanwhile.
const MAX_COMMIT_RECORDS: usize = 16 * 1024;

/// The records of one decision, and what may happen once they are durable.
pub(crate) struct Commit {
    pub(crate) records: Vec<Record>,
    /// Where in these each decision of a batch ends, of those that made any; empty for a single decision.
    pub(crate) parts: Vec<usize>,
    pub(crate) release: Release,
}

/// An effect outside, held until what it stands on is durable.
pub(crate) enum Release {
    Reply(Reply, Result<Accepted, Error>),
    Batch(BatchReply, Vec<Result<Accepted, Error>>),
    Told(Told),
    /// The state as of here goes to the checkpointer, with the end of the log that it is the state of.
    Checkpoint(Box<Frozen>),
    Nothing,
}

impl Commit {
    /// The commit of one decision.
    pub(crate) fn of(records: Vec<Record>, release: Release) -> Self {
        Self { records, parts: Vec::new(), release }
    }

    /// A frame has to end at a checkpoint: it is the end of its commit.
    fn is_checkpoint(&self) -> bool {
        matches!(self.release, Release::Checkpoint(_))
    }
}

impl Release {
    pub(crate) fn release(self, durable: Result<(), Error>) {
        match self {
            Self::Reply(to, answer) => reply(to, durable.and(answer)),
            Self::Batch(to, answers) => reply(to, durable.map(|()| answers)),
            Self::Told(told) => told(durable),
            Self::Checkpoint(_) | Self::Nothing => {}
        }
    }
}

/// The one thread that writes. Owns the log.
pub(crate) struct Committer {
    pub(crate) log: Box<dyn EventLog>,
    /// Where the log ends as far as this writer knows. Not asked of the log: if another writer has appended since, the
    /// frames made here must not follow what that one wrote, but be refused.
    pub(crate) tip: Tip,
    pub(crate) epoch: u64,
    pub(crate) commits: Receiver<Commit>,
    pub(crate) checkpoints: Sender<(Frozen, Tip)>,
    /// Disconnects when the checkpointer has ended, or there is none.
    pub(crate) checkpointed: Receiver<()>,
    pub(crate) shared: Arc<Shared>,
    /// Dropped with the thread: that is how subscriptions learn of the end.
    pub(crate) durable: watch::Sender<Position>,
    /// Dropped with the thread too: after that nobody is answered any more.
    pub(crate) _alive: watch::Sender<()>,
}

impl Committer {
    /// Runs until the sequencer is gone and everything it handed on is durable; then closes the log.
    pub(crate) fn run(mut self) -> Result<Tip, LogError> {
        while let Ok(first) = self.commits.recv() {
            let mut commits = vec![first];
            let mut waiting = commits.iter().map(|commit| commit.records.len()).sum::<usize>();
            // Everything that came while the last commit was syncing goes into this one.
            while waiting < MAX_COMMIT_RECORDS
                && !commits.last().is_some_and(Commit::is_checkpoint)
                && let Ok(commit) = self.commits.try_recv()
            {
                waiting += commit.records.len();
                commits.push(commit);
            }
            let outcome = self.append(&mut commits);
            // The last one first: whoever waits for several answers in the order of asking wakes up once, to all of them.
            for commit in commits.into_iter().rev() {
                match commit.release {
                    // There is room for one, and never a second under way.
                    Release::Checkpoint(frozen) if outcome.is_ok() => {
                        if self.checkpoints.try_send((*frozen, self.tip)).is_err() {
                            tracing::error!("the checkpointer is gone: memory grows until the next start");
                        }
                    }
                    release => release.release(outcome.clone()),
                }
            }
        }
        // The last snapshot goes into the same store.
        drop(self.checkpoints);
        let _ = self.checkpointed.recv();
        self.log.close().map(|()| self.tip)
    }

    fn append(&mut self, commits: &mut [Commit]) -> Result<(), Error> {
        // What was decided behind a commit that failed follows nothing that is in the log.
        if let Some(failure) = self.shared.failure() {
            return Err(Error::Failed(failure));
        }
        let mut builder = FrameBuilder::new(self.tip, self.epoch);
        let mut any = false;
        for commit in &mut *commits {
            // What one input caused belongs together in one frame; what a batch caused need not.
            let mut rest = &commit.records[..];
            let mut taken = 0;
            for end in &commit.parts {
                let (part, more) = rest.split_at(end - taken);
                builder.push(part);
                (rest, taken) = (more, *end);
            }
            builder.push(rest);
            any |= !commit.records.is_empty();
        }
        if !any {
            return Ok(());
        }
        let (frames, tip) = builder.finish();
        match self.log.append(&frames) {
            Ok(()) => {
                self.tip = tip;
                let decisions = commits.iter_mut().map(|commit| std::mem::take(&mut commit.records));
                self.shared.recent.push(decisions);
                self.durable.send_replace(tip.position);
                Ok(())
            }
            Err(error) => {
                tracing::error!(%error, position = self.tip.position.0, "append failed: no more acknowledgements");
                Err(Error::Failed(self.shared.fail(Failure::Append(error))))
            }
        }
    }
}
