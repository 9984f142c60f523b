use std::sync::Arc;

use crossbeam_channel::Receiver;
use quittance_core::event::Record;
use quittance_core::frame::{FrameBuilder, Tip};
use quittance_core::ids::Position;
use quittance_core::machine::Accepted;
use tokio::sync::watch;

use crate::error::{Error, Failure};
use crate::handle::Shared;
use crate::log::{EventLog, LogError};
use crate::sequencer::{Reply, Told, reply};

/// The most records in one commit: bounds what one sync can lose and what is held in memory meanwhile.
const MAX_COMMIT_RECORDS: usize = 16 * 1024;

/// The records of one decision, and what may happen once they are durable.
pub(crate) struct Commit {
    pub(crate) records: Vec<Record>,
    pub(crate) release: Release,
}

/// An effect outside, held until what it stands on is durable.
pub(crate) enum Release {
    Reply(Reply, Result<Accepted, Error>),
    Told(Told),
    Nothing,
}

impl Release {
    pub(crate) fn release(self, durable: Result<(), Error>) {
        match self {
            Self::Reply(to, answer) => reply(to, durable.and(answer)),
            Self::Told(told) => told(durable),
            Self::Nothing => {}
        }
    }
}

/// The one thread that writes. Owns the log.
pub(crate) struct Committer {
    pub(crate) log: Box<dyn EventLog>,
    pub(crate) epoch: u64,
    pub(crate) commits: Receiver<Commit>,
    pub(crate) shared: Arc<Shared>,
    /// Dropped with the thread: that is how subscriptions learn of the end.
    pub(crate) durable: watch::Sender<Position>,
}

impl Committer {
    /// Runs until the sequencer is gone and everything it handed on is durable; then closes the log.
    pub(crate) fn run(mut self) -> Result<Tip, LogError> {
        while let Ok(first) = self.commits.recv() {
            let mut records = Vec::new();
            let mut releases = Vec::new();
            let mut builder = FrameBuilder::new(self.log.tip(), self.epoch);
            let mut next = Some(first);
            // Everything that came while the last commit was syncing goes into this one.
            while let Some(commit) = next {
                if !commit.records.is_empty() {
                    builder.push(&commit.records);
                }
                records.extend(commit.records);
                releases.push(commit.release);
                next = if records.len() < MAX_COMMIT_RECORDS { self.commits.try_recv().ok() } else { None };
            }
            let outcome = self.append(builder, records);
            for release in releases {
                release.release(outcome.clone());
            }
        }
        let tip = self.log.tip();
        self.log.close().map(|()| tip)
    }

    fn append(&mut self, builder: FrameBuilder, records: Vec<Record>) -> Result<(), Error> {
        if let Some(failure) = self.shared.failure() {
            return Err(Error::Failed(failure));
        }
        if records.is_empty() {
            return Ok(());
        }
        let (frames, tip) = builder.finish();
        match self.log.append(&frames) {
            Ok(()) => {
                self.shared.recent.push(records);
                self.durable.send_replace(tip.position);
                Ok(())
            }
            Err(error) => {
                tracing::error!(%error, position = self.log.tip().position.0, "append failed: no more acknowledgements");
                Err(Error::Failed(self.shared.fail(Failure::Append(error))))
            }
        }
    }
}
