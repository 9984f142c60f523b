//! An engine as it is embedded, on a log that notes what became one commit.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use quittance_core::frame::{EncodedFrame, Tip};
use quittance_core::ids::Position;
use quittance_log_sled::SledLog;
use quittance_rail_ledger::LedgerRail;
use quittance_runtime::log::{AppendError, EventLog, LogError, LogReader, Room};
use quittance_runtime::table::Table;
use quittance_runtime::{Engine, Handle, Options};
use tempfile::TempDir;

use crate::error::{BenchError, open_log};
use crate::frames::Groups;
use crate::world;

/// A running engine with funded payers, on a new log of its own.
pub(crate) struct Node {
    engine: Engine,
    rail: Option<LedgerRail>,
    reader: Arc<dyn LogReader>,
    commits: Commits,
    dir: TempDir,
    /// Half of what the engine's queues hold: a client that keeps to it is never refused.
    pub(crate) in_flight: usize,
}

impl Node {
    /// Starts in `dir`.
    pub(crate) fn start(dir: TempDir) -> Result<Self, BenchError> {
        let log = open_log(dir.path())?;
        let options = options(&log);
        let in_flight = (options.queue / 2).max(1);
        let (reader, commits) = (log.reader(), Commits::default());
        let engine = Engine::start(Box::new(NotingLog { log, commits: commits.clone() }), options)?;
        for deposit in world::funds() {
            engine.handle().execute_blocking(deposit)?;
        }
        Ok(Self { engine, rail: None, reader, commits, dir, in_flight })
    }

    /// Starts with the embedded rail, which settles everything.
    pub(crate) fn with_rail(dir: TempDir) -> Result<Self, BenchError> {
        let mut node = Self::start(dir)?;
        let rail = LedgerRail::start(node.handle()).map_err(crate::error::file(Path::new("a thread")))?;
        node.rail = Some(rail);
        Ok(node)
    }

    pub(crate) fn handle(&self) -> Handle {
        self.engine.handle()
    }

    /// What was committed behind `after`, in the groups in which it was.
    pub(crate) fn groups(&self, after: Position) -> Result<Groups, BenchError> {
        let durable = self.handle().durable();
        let ends = self.commits.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let ends: Vec<_> = ends.into_iter().filter(|end| *end > after && *end <= durable).collect();
        Groups::of_log(&*self.reader, after, &ends)
    }

    /// Stops in order; the directory with the log.
    pub(crate) fn stop(self) -> Result<TempDir, BenchError> {
        self.engine.shutdown()?;
        if let Some(rail) = self.rail {
            rail.join()?;
        }
        Ok(self.dir)
    }
}

/// The default options, with what has ended and the snapshots beside the log as a node keeps them, and nothing that charges fees
/// or expires.
pub(crate) fn options(log: &SledLog) -> Options {
    let table = Some(Arc::new(log.table("state")) as Arc<dyn Table>);
    Options { policy: world::policy(), table, ..Options::new(world::NODE) }
}

/// Where each commit ended.
#[derive(Clone, Debug, Default)]
struct Commits(Arc<Mutex<Vec<Position>>>);

/// The embedded log. Notes one number a commit.
#[derive(Debug)]
struct NotingLog {
    log: SledLog,
    commits: Commits,
}

impl EventLog for NotingLog {
    fn tip(&self) -> Tip {
        self.log.tip()
    }

    fn append(&mut self, frames: &[EncodedFrame]) -> Result<(), AppendError> {
        self.log.append(frames)?;
        if let Some(last) = frames.last() {
            self.commits.0.lock().unwrap_or_else(PoisonError::into_inner).push(last.last);
        }
        Ok(())
    }

    fn reader(&self) -> Arc<dyn LogReader> {
        self.log.reader()
    }

    fn room(&self) -> Arc<dyn Room> {
        self.log.room()
    }

    fn close(self: Box<Self>) -> Result<(), LogError> {
        Box::new(self.log).close()
    }
}
