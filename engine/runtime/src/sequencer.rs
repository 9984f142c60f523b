use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use quittance_core::command::Command;
use quittance_core::ids::{CausationId, Position};
use quittance_core::machine::{Accepted, Core, Effects, Input};
use quittance_core::state::{Key, State};
use tokio::sync::oneshot;

use crate::checkpoint::{Frozen, Schedule};
use crate::clock::Clock;
use crate::committer::{Commit, Release};
use crate::error::{Error, Failure};
use crate::handle::Shared;
use crate::recall::Recalled;

/// How long the sequencer sleeps at most while a deadline lies ahead. It sleeps by a steady clock; the one that deadlines are
/// measured with may jump, or run on while the machine is suspended.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Where an answer goes.
pub(crate) type Reply = oneshot::Sender<Result<Accepted, Error>>;

/// A question about the state: looks, and gives what to tell once the state it saw is durable.
pub(crate) type Query = Box<dyn FnOnce(&State) -> Told + Send>;

/// Tells an answer, or why there is none.
pub(crate) type Told = Box<dyn FnOnce(Result<(), Error>) + Send>;

/// What the sequencer is given.
pub(crate) enum Job {
    Command(Command, Option<Recalled>, Reply),
    Query(Query, Option<Recalled>),
    /// These have ended and are in the archive.
    PutAway(Vec<(Key, Position)>),
    Stop,
}

/// Answers, unless the asker has gone away.
pub(crate) fn reply(to: Reply, answer: Result<Accepted, Error>) {
    // The asker may have given up waiting; what it asked for is done all the same.
    let _ = to.send(answer);
}

/// The one thread that decides. Owns the state.
pub(crate) struct Sequencer {
    pub(crate) core: Core,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) jobs: Receiver<Job>,
    pub(crate) commits: Sender<Commit>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) epoch: u64,
    pub(crate) inputs: u64,
    /// `None` for an engine that keeps everything in memory.
    pub(crate) schedule: Option<Schedule>,
}

impl Sequencer {
    /// Runs until told to stop; everything it was given before that is decided and handed on.
    pub(crate) fn run(mut self) {
        loop {
            // After a failure nothing can expire any more.
            let deadline = self.core.state().next_deadline().filter(|_| self.shared.failure().is_none());
            let job = match deadline {
                None => self.jobs.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(deadline) => {
                    let until_due = deadline.since(self.clock.now()).min(LOOK_AGAIN);
                    self.jobs.recv_timeout(self.shared.gate.pause(until_due))
                }
            };
            let went_on = match job {
                Ok(Job::Command(command, recalled, to)) => self.command(command, recalled, to),
                Ok(Job::Query(query, recalled)) => self.query(query, recalled),
                Ok(Job::PutAway(ended)) => self.put_away(&ended),
                Err(RecvTimeoutError::Timeout) => self.tick_if_due(),
                Ok(Job::Stop) | Err(RecvTimeoutError::Disconnected) => {
                    self.checkpoint(Schedule::last);
                    return;
                }
            } && self.checkpoint(Schedule::due);
            if !went_on {
                return;
            }
        }
    }

    fn command(&mut self, command: Command, recalled: Option<Recalled>, to: Reply) -> bool {
        if !self.tick_if_due() {
            reply(to, Err(Error::Stopped));
            return false;
        }
        // Also when that tick failed: nothing may be decided on what it left behind.
        if let Some(failure) = self.shared.failure() {
            reply(to, Err(Error::Failed(failure)));
            return true;
        }
        if let Err(full) = self.shared.gate.pass() {
            reply(to, Err(Error::Full(full)));
            return true;
        }
        let recalled = match self.recall(recalled) {
            Ok(recalled) => recalled,
            Err(failure) => {
                reply(to, Err(Error::Failed(failure)));
                return true;
            }
        };
        match self.handle(Input::Command(command)) {
            Ok(Effects { records, answer }) => {
                if records.is_empty() {
                    self.put_away(recalled.as_slice());
                }
                let answer = answer.map_or(Err(Error::Stopped), |answer| answer.map_err(Error::from));
                self.hand_on(Commit { records, release: Release::Reply(to, answer) })
            }
            Err(failure) => {
                reply(to, Err(Error::Failed(failure)));
                true
            }
        }
    }

    fn query(&mut self, query: Query, recalled: Option<Recalled>) -> bool {
        if self.shared.failure().is_some() {
            // Unanswered: the asker finds the failure where its answer should be. There is no state to look at any more.
            return true;
        }
        if !self.tick_if_due() {
            return false;
        }
        // Unanswered as well if that fails.
        let Ok(recalled) = self.recall(recalled) else { return true };
        let told = query(self.core.state());
        self.put_away(recalled.as_slice());
        self.hand_on(Commit { records: Vec::new(), release: Release::Told(told) })
    }

    /// Takes back what the next command or query is about, if it was put away; what was taken back.
    fn recall(&mut self, recalled: Option<Recalled>) -> Result<Option<(Key, Position)>, Failure> {
        let Some(early) = recalled.filter(|recalled| !self.core.state().holds(&recalled.key)) else {
            return Ok(None);
        };
        let recall = &self.shared.recall;
        let Recalled { key, ended, .. } =
            recall.confirm(early).map_err(|error| self.shared.fail(Failure::Recall(error)))?;
        let Some(ended) = ended else { return Ok(None) };
        self.core.recall(&key, &ended);
        Ok(Some((key, ended.last_position())))
    }

    fn put_away(&mut self, ended: &[(Key, Position)]) -> bool {
        for (key, last) in ended {
            self.core.put_away(key, *last);
        }
        true
    }

    /// Hands on what the schedule finds due. Behind everything decided so far, so that it is the state of a place in the log.
    fn checkpoint(&mut self, due: fn(&mut Schedule, &State) -> Option<Frozen>) -> bool {
        // Nor onto a disk that is nearly full: a checkpoint can wait.
        if self.shared.failure().is_some() || self.shared.gate.pass().is_err() {
            return true;
        }
        match self.schedule.as_mut().and_then(|schedule| due(schedule, self.core.state())) {
            Some(frozen) => {
                let release = Release::Checkpoint(Box::new(frozen));
                self.commits.send(Commit { records: Vec::new(), release }).is_ok()
            }
            None => true,
        }
    }

    /// A busy queue must not keep deadlines waiting: they are looked at between any two jobs.
    fn tick_if_due(&mut self) -> bool {
        let due = self.core.state().next_deadline().is_some_and(|deadline| deadline <= self.clock.now());
        if !due || self.shared.failure().is_some() || self.shared.gate.pass().is_err() {
            return true;
        }
        match self.handle(Input::Tick) {
            Ok(Effects { records, .. }) => {
                records.is_empty() || self.hand_on(Commit { records, release: Release::Nothing })
            }
            Err(_) => true,
        }
    }

    fn handle(&mut self, input: Input) -> Result<Effects, Failure> {
        self.inputs += 1;
        let causation = CausationId((u128::from(self.epoch) << 64) | u128::from(self.inputs));
        let mut effects = Effects::default();
        match self.core.handle(self.clock.now(), causation, input, &mut effects) {
            Ok(()) => Ok(effects),
            Err(illegal) => Err(self.shared.fail(Failure::Illegal(illegal))),
        }
    }

    /// Passes a commit on, or releases it at once when everything it stands on is durable already.
    fn hand_on(&self, commit: Commit) -> bool {
        let all_durable =
            self.shared.durable() == self.core.state().position() && self.shared.failure().is_none();
        if commit.records.is_empty() && all_durable {
            commit.release.release(Ok(()));
            return true;
        }
        self.commits.send(commit).is_ok()
    }
}
