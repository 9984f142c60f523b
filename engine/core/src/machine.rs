//! The machine: one input in, effects out; nothing is called from inside.

use alloc::vec::Vec;

use crate::command::Command;
use crate::decide::{Decision, Verdict, decide, due};
use crate::event::{Event, EventKind, Record, Subject};
use crate::evolve::IllegalTransition;
use crate::ids::{CausationId, IntentId, Position, Revision, Timestamp};
use crate::invariant;
use crate::lifecycle::{self, Outcome};
use crate::rejection::Rejection;
use crate::state::{Ended, Intent, Key, State, Status};

/// The state of a node and the rules that move it.
///
/// Feed it with [`Core::handle`], which is its only input; take the effects out of the [`Effects`] passed in. Its state
/// moves as soon as it has decided, before anything is durable: whoever drives it holds every answer back until the records
/// in front of that answer are in the log, and throws the core away if they cannot be written.
#[derive(Clone, Debug, Default)]
pub struct Core {
    state: State,
}

/// What can come in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// Somebody wants something.
    Command(Command),
    /// Time has passed.
    Tick,
}

/// What comes out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effects {
    /// Facts for the log, in order. Those of one input belong together: in one frame or in none.
    pub records: Vec<Record>,
    /// What the asker of the last input is told once the records are durable. `None` after a tick: nobody asked.
    pub answer: Option<Answer>,
}

/// What an asker is told.
pub type Answer = Result<Accepted, Rejection>;

/// A request that holds: carried out now, or before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The last record that carried it out. Where an earlier request had, and no one record stands for it, the last record
    /// about its intent or withdrawal, or of the log; that one moves on.
    pub position: Position,
    /// Whether an earlier request had done it already.
    pub repeated: bool,
    /// Where its intent is now, if it is about one.
    pub status: Option<Status>,
}

impl Core {
    /// A core that goes on from `state`.
    #[must_use]
    pub fn new(state: State) -> Self {
        Self { state }
    }

    /// Everything it knows, decided but perhaps not yet durable.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Takes back what was put away: see [`State::recall`].
    pub fn recall(&mut self, key: &Key, ended: &Ended) -> bool {
        self.state.recall(key, ended)
    }

    /// Puts away what has ended: see [`State::put_away`].
    pub fn put_away(&mut self, key: &Key, last: Position) -> bool {
        self.state.put_away(key, last)
    }

    /// Takes in one input at `now` and adds to `effects`. A `now` before the last record's time counts as that time: whoever
    /// drives it must not let a clock that has jumped ahead in, since what it recorded by that clock stays recorded.
    ///
    /// # Errors
    /// A decision that its own evolution refuses: a bug in this crate. The core is then undefined and must be thrown away,
    /// with the effects of this call.
    ///
    /// # Determinism
    /// The same inputs at the same times give the same effects.
    pub fn handle(
        &mut self,
        now: Timestamp,
        causation: CausationId,
        input: Input,
        effects: &mut Effects,
    ) -> Result<(), IllegalTransition> {
        let now = now.max(self.state.time());
        effects.answer = None;
        match input {
            Input::Command(command) => {
                effects.answer = Some(self.carry_out(now, causation, &command, &mut effects.records)?);
            }
            Input::Tick => {
                for intent in due(&self.state, now) {
                    let next =
                        self.state.intent(&intent).map_or_else(|| first(intent), |known| known.next(intent));
                    self.record(now, causation, Some(next), Event::IntentExpired, &mut effects.records)?;
                }
            }
        }
        Ok(())
    }

    fn carry_out(
        &mut self,
        now: Timestamp,
        causation: CausationId,
        command: &Command,
        records: &mut Vec<Record>,
    ) -> Result<Answer, IllegalTransition> {
        let decision = match decide(&self.state, command, now) {
            Ok(decision) => decision,
            Err(rejection) => return Ok(Err(rejection)),
        };
        let about = decision.intent.map(|id| (id, self.state.intent(&id)));
        let from = about.and_then(|(_, known)| known).map(Intent::status);
        if !foreseen(from, command, &decision) {
            let event = decision.events.first().map_or("nothing", Event::name);
            let (position, why) = (self.state.position().next(), "the lifecycle table has no such outcome");
            return Err(IllegalTransition { position, from: command.name(), event, why });
        }
        // Looked up once: what one decision records about an intent follows, one upon the other.
        let mut subject = about.map(|(id, known)| known.map_or_else(|| first(id), |known| known.next(id)));
        for event in decision.events {
            self.record(now, causation, subject, event, records)?;
            let previous = self.state.position();
            subject = subject.map(|known| Subject { revision: known.revision.next(), previous, ..known });
        }
        let status = decision.intent.and_then(|id| self.state.intent(&id)).map(Intent::status);
        Ok(match decision.verdict {
            Verdict::Done => Ok(Accepted { position: self.state.position(), repeated: false, status }),
            Verdict::Repeated(position) => Ok(Accepted { position, repeated: true, status }),
            Verdict::Refused(rejection) => Err(rejection),
        })
    }

    fn record(
        &mut self,
        now: Timestamp,
        causation: CausationId,
        subject: Option<Subject>,
        event: Event,
        records: &mut Vec<Record>,
    ) -> Result<(), IllegalTransition> {
        let position = self.state.position().next();
        // Made where it stays: a record is several hundred bytes.
        let record: &Record =
            records.push_mut(Record { position, recorded_at: now, causation, subject, event });
        if cfg!(debug_assertions) {
            let before = subject.and_then(|known| self.state.intent(&known.intent)).map(Intent::status);
            self.state.apply(record)?;
            if let Err(violation) = invariant::check_record(before, record, &self.state) {
                panic!("{violation}, after {record:?}");
            }
        } else {
            self.state.apply(record)?;
        }
        Ok(())
    }
}

/// The place of an intent's creation in its history.
fn first(intent: IntentId) -> Subject {
    Subject { intent, revision: Revision(0), previous: Position::START }
}

/// Whether the lifecycle table has this decision.
fn foreseen(from: Option<Status>, command: &Command, decision: &Decision) -> bool {
    let Some(kind) = command.kind() else { return true };
    let is = |foreseen: &[EventKind]| foreseen.iter().copied().eq(decision.events.iter().map(Event::kind));
    let edge = lifecycle::edge(from, kind);
    match (&decision.verdict, edge.outcome) {
        (Verdict::Repeated(_), _) => edge.repeats && is(&[]),
        (_, Outcome::Decided(outcomes)) => is(&[]) || outcomes.iter().any(|events| is(events)),
        (Verdict::Refused(rejection), Outcome::Refused(code, recorded)) => {
            rejection.code == code && (is(&[]) || is(recorded))
        }
        (Verdict::Done, Outcome::Refused(..)) | (_, Outcome::Nothing) => false,
    }
}
