use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};

use crossbeam_channel::bounded;
use quittance_core::command::Request;
use quittance_core::frame::Tip;
use quittance_core::ids::{AccountId, NodeId};
use quittance_core::invariant;
use quittance_core::machine::Core;
use quittance_core::policy::Policy;
use tokio::sync::{Semaphore, watch};

use crate::admission::{Admission, Door};
use crate::checkpoint::{Checkpointer, Checkpoints, Schedule};
use crate::clock::{Clock, SystemClock};
use crate::committer::Committer;
use crate::error::{ShutdownError, StartError};
use crate::follow::Keeper;
use crate::gate::Gate;
use crate::handle::{Handle, MAX_BATCH, Shared};
use crate::log::{EventLog, LogError};
use crate::recall::Recall;
use crate::recent::Recent;
use crate::restore::{Progress, restore};
use crate::sequencer::{Job, Sequencer};
use crate::table::Table;
use crate::timekeeper::Timekeeper;
use crate::turns::Turns;
use crate::verifier::{self, Unverified};

/// How an engine is set up.
#[derive(Clone, Debug)]
pub struct Options {
    /// The sequencer's name; the log's first record has to agree.
    pub node: NodeId,
    /// The policy a new log begins with. An existing log keeps its own.
    pub policy: Policy,
    /// Threads that check signatures; at least 1.
    pub verify_workers: usize,
    /// Requests that may wait in front of each stage; at least 1. More are refused as `node_overloaded`.
    pub queue: usize,
    /// How much of what strangers get for nothing is let in.
    pub admission: Admission,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
    /// Goes on from the time of the log's last record even where that is more than a day ahead of the clock.
    pub accept_time: bool,
    /// Where what has ended and the snapshots are kept, so that memory follows what is open and a restart is short. A table of
    /// this engine's own. `None` keeps everything in memory and replays the whole log at every start.
    pub table: Option<Arc<dyn Table>>,
    /// How often that happens.
    pub checkpoints: Checkpoints,
    /// Makes everything in that table anew from the log.
    pub rebuild: bool,
    /// Told while a long log is replayed.
    pub progress: Option<Progress>,
}

impl Options {
    /// The standard policy with the node's own account for its fees, a verify worker per core, and the system's clock.
    #[must_use]
    pub fn new(node: NodeId) -> Self {
        Self {
            node,
            policy: Policy::standard(AccountId(node.0)),
            verify_workers: thread::available_parallelism().map_or(1, usize::from),
            queue: 4096,
            admission: Admission::default(),
            clock: Arc::new(SystemClock),
            accept_time: false,
            table: None,
            checkpoints: Checkpoints::default(),
            rebuild: false,
            progress: None,
        }
    }
}

/// A running engine. Ask it through its [`Handle`]s; end it with [`Engine::shutdown`].
///
/// Dropping it shuts it down too, without saying whether that went well.
pub struct Engine {
    handle: Handle,
    verifiers: Vec<JoinHandle<()>>,
    sequencer: Option<JoinHandle<()>>,
    committer: Option<JoinHandle<Result<Tip, LogError>>>,
    checkpointer: Option<JoinHandle<()>>,
}

impl Engine {
    /// Restores the state from `log`, and from the newest snapshot in the options' table, and begins to take requests. A new log gets its first record, durably, before this returns.
    ///
    /// # Errors
    /// The log is damaged or another node's, its last record is of more than a day from now, or its first record cannot be
    /// written.
    pub fn start(log: Box<dyn EventLog>, options: Options) -> Result<Self, StartError> {
        let reader = log.reader();
        let tip = log.tip();
        let restored = restore(&*reader, tip.position, &options)?;
        if tip != restored.tip {
            let (tip, replayed) = (tip.position.0, restored.tip.position.0);
            return Err(StartError::TipMismatch { tip, replayed });
        }
        if let Some(found) = restored.state.node().filter(|found| *found != options.node) {
            return Err(StartError::OtherNode { expected: options.node, found });
        }
        invariant::check_all(&restored.state).map_err(StartError::Invariant)?;
        let (clock, last) = (options.clock, restored.state.time());
        let clock = Arc::new(Timekeeper::start(clock, last, options.accept_time)?);
        let (requests_in, requests) = bounded(options.queue.max(1));
        let (jobs_in, jobs) = bounded(options.queue.max(1));
        let (commits_in, commits) = bounded(options.queue.max(1));
        let (durable_in, durable) = watch::channel(tip.position);
        let (alive_in, alive) = watch::channel(());
        let (checkpoints_in, checkpoints) = bounded(1);
        let (checkpointing, checkpointed) = bounded(0);
        let archive = restored.keeper.as_ref().map(|keeper| keeper.archive.clone());
        let shared = Arc::new(Shared {
            turns: Arc::new(Turns::for_queue(options.queue)),
            batched: Arc::new(Semaphore::new(options.queue.clamp(MAX_BATCH, Semaphore::MAX_PERMITS))),
            recall: Recall::new(options.node, Arc::clone(&reader), archive),
            node: options.node,
            clock: Arc::clone(&clock),
            reader,
            gate: Gate::new(log.room()),
            recent: Arc::new(Recent::default()),
            durable,
            alive,
            stopping: AtomicBool::new(false),
            failed: OnceLock::new(),
        });
        let epoch = tip.epoch + 1;
        let initialized = restored.state.node().is_some();
        let busy = Arc::new(AtomicBool::new(false));
        let schedule = restored.keeper.as_ref().map(|keeper| {
            let Keeper { archived, saved, .. } = *keeper;
            Schedule { every: options.checkpoints, archived, saved, busy: Arc::clone(&busy) }
        });
        let committer = Committer {
            log,
            tip,
            epoch,
            commits,
            checkpoints: checkpoints_in,
            checkpointed,
            shared: shared.clone(),
            durable: durable_in,
            _alive: alive_in,
        };
        let sequencer = Sequencer {
            core: Core::new(restored.state),
            clock,
            jobs,
            commits: commits_in,
            shared: shared.clone(),
            epoch,
            inputs: 0,
            door: Door::new(options.admission),
            schedule,
        };
        let checkpointer = restored.keeper.map(|Keeper { table, archive, next, .. }| {
            let (jobs, shared) = (jobs_in.clone(), shared.clone());
            Checkpointer {
                table,
                archive,
                next,
                work: checkpoints,
                jobs,
                shared,
                busy,
                _alive: checkpointing,
            }
        });
        let mut engine = Self {
            handle: Handle { requests: requests_in, jobs: jobs_in, shared },
            verifiers: Vec::new(),
            sequencer: Some(spawn("sequencer", move || sequencer.run())?),
            committer: Some(spawn("committer", move || committer.run())?),
            checkpointer: match checkpointer {
                Some(checkpointer) => Some(spawn("checkpointer", move || checkpointer.run())?),
                None => None,
            },
        };
        for _ in 0..options.verify_workers.max(1) {
            let (requests, jobs) = (requests.clone(), engine.handle.jobs.clone());
            let shared = engine.handle.shared.clone();
            engine.verifiers.push(spawn("verifier", move || verifier::run(&requests, &jobs, &shared))?);
        }
        if !initialized {
            let begin = Request::Initialize { node: options.node, policy: options.policy };
            // Not `execute_blocking`, which an async runtime forbids: an engine may be started from inside one.
            pollster::block_on(engine.handle.execute(begin)).map_err(StartError::Initialize)?;
        }
        Ok(engine)
    }

    /// A way to ask it.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Takes no more requests, finishes those it has taken, and leaves the log in order. Where the log ends.
    ///
    /// # Errors
    /// The engine had failed before, or the store cannot be closed. Nothing acknowledged is lost either way.
    pub fn shutdown(mut self) -> Result<Tip, ShutdownError> {
        self.stop()
    }

    fn stop(&mut self) -> Result<Tip, ShutdownError> {
        self.handle.shared.stopping.store(true, Ordering::Release);
        // Behind everything that was taken: each worker stops at the first of these it meets.
        for _ in &self.verifiers {
            let _ = self.handle.requests.send(Unverified::Stop);
        }
        let mut panicked = None;
        for verifier in self.verifiers.drain(..) {
            if verifier.join().is_err() {
                panicked = Some("verifier");
            }
        }
        let _ = self.handle.jobs.send(Job::Stop);
        if self.sequencer.take().is_some_and(|sequencer| sequencer.join().is_err()) {
            panicked = Some("sequencer");
        }
        let closed = match self.committer.take().map(JoinHandle::join) {
            Some(Ok(closed)) => closed,
            Some(Err(_)) | None => return Err(ShutdownError::Panicked("committer")),
        };
        // Ends by itself once the committer is gone and the last snapshot is written.
        if self.checkpointer.take().is_some_and(|checkpointer| checkpointer.join().is_err()) {
            panicked = Some("checkpointer");
        }
        if let Some(thread) = panicked {
            return Err(ShutdownError::Panicked(thread));
        }
        if let Some(failure) = self.handle.failure() {
            return Err(ShutdownError::Failed(failure));
        }
        Ok(closed?)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if self.committer.is_some()
            && let Err(error) = self.stop()
        {
            tracing::error!(%error, "the engine did not shut down cleanly");
        }
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("node", &self.handle.node()).finish_non_exhaustive()
    }
}

fn spawn<T: Send + 'static>(
    name: &'static str,
    run: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>, std::io::Error> {
    thread::Builder::new().name(format!("quittance-{name}")).spawn(run)
}
