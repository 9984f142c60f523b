use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use quittance_core::command::Command;
use quittance_core::ids::{CausationId, Position, Timestamp};
use quittance_core::machine::{Accepted, Core, Effects, Input};
use quittance_core::state::{Key, State};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::admission::Door;
use crate::checkpoint::{Frozen, Schedule};
use crate::committer::{Commit, Release};
use crate::error::{Error, Failure};
use crate::handle::Shared;
use crate::log::Full;
use crate::recall::{RecallError, Recalled};
use crate::timekeeper::Timekeeper;
use crate::turns::Turn;

/// How long the sequencer sleeps at most while a deadline lies ahead. It sleeps by a steady clock; the one that deadlines are
/// measured with may be set, and runs on while the machine is suspended.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Where an answer goes.
pub(crate) type Reply = oneshot::Sender<Result<Accepted, Error>>;

/// Where the answers to a batch go.
pub(crate) type BatchReply = oneshot::Sender<Result<Vec<Result<Accepted, Error>>, Error>>;

/// One request of a batch behind the verify workers: a command, or why it is none.
pub(crate) type Verified = Result<Ready, Error>;

/// A command with all that is needed to decide it.
pub(crate) struct Ready {
    pub(crate) command: Command,
    pub(crate) recalled: Option<Recalled>,
}

/// A question about the state: looks, and gives what to tell once the state it saw is durable.
pub(crate) type Query = Box<dyn FnOnce(Result<&State, Error>) -> Told + Send>;

/// Tells an answer, or why there is none.
pub(crate) type Told = Box<dyn FnOnce(Result<(), Error>) + Send>;

/// What the sequencer is given.
pub(crate) enum Job {
    Command(Ready, Option<Turn>, Reply),
    Batch(Vec<Verified>, OwnedSemaphorePermit, BatchReply),
    /// What a busy worker hands on at a time.
    Several(Vec<Job>),
    Query(Query, Option<Recalled>),
    /// These have ended and are in the archive.
    PutAway(Vec<(Key, Position)>),
    Stop,
}

/// Answers, unless the asker has gone away.
pub(crate) fn reply<T>(to: oneshot::Sender<Result<T, Error>>, answer: Result<T, Error>) {
    // The asker may have given up waiting; what it asked for is done all the same.
    let _ = to.send(answer);
}

/// The one thread that decides. Owns the state.
pub(crate) struct Sequencer {
    pub(crate) core: Core,
    pub(crate) clock: Arc<Timekeeper>,
    pub(crate) jobs: Receiver<Job>,
    pub(crate) commits: Sender<Commit>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) epoch: u64,
    pub(crate) inputs: u64,
    pub(crate) door: Door,
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
                Ok(job) => self.job(job),
                Err(RecvTimeoutError::Timeout) => self.tick_if_due(self.clock.now()),
                Err(RecvTimeoutError::Disconnected) => false,
            } && self.checkpoint(Schedule::due);
            if !went_on {
                return;
            }
        }
    }

    fn job(&mut self, job: Job) -> bool {
        match job {
            Job::Command(ready, turn, to) => {
                drop(turn);
                self.command(ready, to)
            }
            Job::Batch(verified, places, to) => {
                drop(places);
                self.batch(verified, to)
            }
            Job::Several(jobs) => jobs.into_iter().all(|job| self.job(job)),
            Job::Query(query, recalled) => self.query(query, recalled),
            Job::PutAway(ended) => self.put_away(&ended),
            Job::Stop => {
                self.checkpoint(Schedule::last);
                false
            }
        }
    }

    fn command(&mut self, ready: Ready, to: Reply) -> bool {
        let now = self.clock.now();
        if !self.tick_if_due(now) {
            reply(to, Err(Error::Stopped));
            return false;
        }
        let mut effects = Effects::default();
        let moment = self.moment(now);
        let answer = self.decide(ready, &moment, &mut effects);
        self.hand_on(Commit::of(effects.records, Release::Reply(to, answer)))
    }

    fn batch(&mut self, verified: Vec<Verified>, to: BatchReply) -> bool {
        let now = self.clock.now();
        if !self.tick_if_due(now) {
            reply(to, Err(Error::Stopped));
            return false;
        }
        // Nearly all of them are carried out; growing to that would move every record several times.
        let records = Vec::with_capacity(verified.len());
        let (mut effects, mut parts) =
            (Effects { records, answer: None }, Vec::with_capacity(verified.len()));
        let moment = self.moment(now);
        let decided = verified.into_iter().map(|verified| {
            let before = effects.records.len();
            let answer = self.decide(verified?, &moment, &mut effects);
            if effects.records.len() > before {
                parts.push(effects.records.len());
            }
            answer
        });
        let answers = decided.collect();
        let release = Release::Batch(to, answers);
        self.hand_on(Commit { records: effects.records, parts, release })
    }

    /// When what comes next is decided, if the store has room for it. One moment for a whole batch: asking the clock and the store
    /// for each of its commands would take a good part of the time that deciding it takes.
    fn moment(&self, now: Timestamp) -> Result<Timestamp, Full> {
        self.shared.gate.pass().map(|()| now)
    }

    /// Decides one command: its records are added to those of its batch, its answer waits for them.
    fn decide(
        &mut self,
        ready: Ready,
        moment: &Result<Timestamp, Full>,
        effects: &mut Effects,
    ) -> Result<Accepted, Error> {
        let Ready { command, recalled } = ready;
        // Also when the tick before failed: nothing may be decided on what it left behind.
        if let Some(failure) = self.shared.failure() {
            return Err(Error::Failed(failure));
        }
        let now = moment.clone().map_err(Error::Full)?;
        // An engine that cannot tell what has ended could let it happen again: it stops.
        let recalled =
            self.recall(recalled).map_err(|error| Error::Failed(self.shared.fail(Failure::Recall(error))))?;
        let charge = self.door.admit(self.core.state(), &command, now)?;
        let before = effects.records.len();
        self.handle(now, Input::Command(command), effects).map_err(Error::Failed)?;
        if effects.records.len() == before {
            self.put_away(recalled.as_slice());
        } else if let Some(charge) = charge {
            self.door.charge(charge, now);
        }
        effects.answer.take().map_or(Err(Error::Stopped), |answer| answer.map_err(Error::from))
    }

    fn query(&mut self, query: Query, recalled: Option<Recalled>) -> bool {
        if self.shared.failure().is_some() {
            // Unanswered: the asker finds the failure where its answer should be. There is no state to look at any more.
            return true;
        }
        if !self.tick_if_due(self.clock.now()) {
            return false;
        }
        let told = match self.recall(recalled) {
            Ok(recalled) => {
                let told = query(Ok(self.core.state()));
                self.put_away(recalled.as_slice());
                told
            }
            Err(error) => query(Err(Error::Unreadable(error))),
        };
        self.hand_on(Commit::of(Vec::new(), Release::Told(told)))
    }

    /// Takes back what the next command or query is about, if it was put away; what was taken back.
    fn recall(&mut self, recalled: Option<Recalled>) -> Result<Option<(Key, Position)>, RecallError> {
        let recall = &self.shared.recall;
        // Nearly always there is nothing to bring back, which can be told without a look at the state.
        let needed = |early: &Recalled| !recall.is_new(early) && !self.core.state().holds(&early.key);
        let Some(early) = recalled.filter(needed) else { return Ok(None) };
        let Recalled { key, ended, .. } = recall.confirm(early)?;
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
                self.commits.send(Commit::of(Vec::new(), release)).is_ok()
            }
            None => true,
        }
    }

    /// A busy queue must not keep deadlines waiting: they are looked at between any two jobs.
    fn tick_if_due(&mut self, now: Timestamp) -> bool {
        let due = self.core.state().next_deadline().is_some_and(|deadline| deadline <= now);
        if !due || self.shared.failure().is_some() || self.shared.gate.pass().is_err() {
            return true;
        }
        let mut effects = Effects::default();
        match self.handle(now, Input::Tick, &mut effects) {
            Ok(()) if effects.records.is_empty() => true,
            Ok(()) => self.hand_on(Commit::of(effects.records, Release::Nothing)),
            Err(_) => true,
        }
    }

    fn handle(&mut self, now: Timestamp, input: Input, effects: &mut Effects) -> Result<(), Failure> {
        self.inputs += 1;
        let causation = CausationId((u128::from(self.epoch) << 64) | u128::from(self.inputs));
        self.core
            .handle(now, causation, input, effects)
            .map_err(|illegal| self.shared.fail(Failure::Illegal(illegal)))
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
