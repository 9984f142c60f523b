use std::path::Path;

use crate::args::Args;
use crate::drive::{BoxFuture, on_threads};
use crate::event::{Event, Stream};

/// What a store says of itself, for the table.
#[derive(Clone, Debug)]
pub struct About {
    /// Its name, and its variant's if it has several.
    pub name: String,
    /// Which release.
    pub version: &'static str,
    /// What makes an acknowledged event durable, in a few words.
    pub durable: &'static str,
    /// What a reader of the figures has to know.
    pub notes: &'static str,
}

/// One step of the workload.
#[derive(Clone, Copy, Debug)]
pub struct Command {
    /// The intent it is about.
    pub stream: Stream,
    /// How many events the writer knows the intent to have, where it knows; the stream's next revision. `None` where other
    /// writers share the intent: then it has to be looked up.
    pub expected: Option<u32>,
    /// Who asks.
    pub writer: u32,
    /// The writer's own count of commands.
    pub serial: u32,
    /// How many events an intent has at most.
    pub stream_length: u32,
}

/// What came of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The event is durable at this revision.
    Appended(u32),
    /// Another writer was first; nothing was written.
    Conflict,
    /// The intent has all its events; nothing was written.
    Full,
}

/// What follows from a command and the events before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// This event, expecting the revision it names.
    Append(Event),
    /// The intent is not where the writer thought.
    Conflict,
    /// The intent has all its events.
    Full,
}

/// An intent's events as a store gave them, folded as far as [`decide`] needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    events: u32,
}

impl History {
    /// Takes in the stream's next event. Its bytes are for the check after the run: here they would cost the stores that hand
    /// events out more than those that do not need to.
    ///
    /// # Errors
    /// It is not the next event of this stream.
    pub fn push(&mut self, stream: Stream, text: &str) -> Result<(), String> {
        let place = Event::place(text)?;
        if place != (stream, self.events) {
            let expected = format!("event {} of {stream}", self.events);
            return Err(format!("loading: expected {expected}, the store gave {place:?}"));
        }
        self.events += 1;
        Ok(())
    }

    /// A history known by its length only: where a store keeps a folded state and has no need to hand out events.
    #[must_use]
    pub fn of(events: u32) -> Self {
        Self { events }
    }

    /// How many events there are; the next revision.
    #[must_use]
    pub fn events(&self) -> u32 {
        self.events
    }
}

/// The decision that every store is asked to store the outcome of: pure, and small, so that the store is what is measured.
#[must_use]
pub fn decide(command: &Command, history: &History) -> Decision {
    let revision = history.events;
    match command.expected {
        Some(expected) if expected != revision => Decision::Conflict,
        _ if revision >= command.stream_length => Decision::Full,
        _ => Decision::Append(Event {
            stream: command.stream,
            revision,
            writer: command.writer,
            serial: command.serial,
        }),
    }
}

/// One event as the store reads it back.
#[derive(Clone, Copy, Debug)]
pub struct Read<'a> {
    /// The stream it is in, by the store's word.
    pub stream: Stream,
    /// Its revision, by the store's word.
    pub revision: u32,
    /// Its text.
    pub text: &'a str,
}

/// What is going to be asked, so that a store can make ready.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// How many slots there are.
    pub slots: u32,
    /// How many writers.
    pub writers: u32,
    /// For how long, in seconds.
    pub seconds: f64,
    /// How many events there will be at most.
    pub events: u64,
    /// How many events an intent has at most.
    pub stream_length: u32,
}

/// A store under measurement.
pub trait Store: Send + Sync + Sized + 'static {
    /// The names `--variant` takes; the first is what runs without it.
    const VARIANTS: &'static [&'static str] = &["default"];

    /// What a variant is.
    fn about(variant: &str) -> About;

    /// Opens what is in `dir`, which is there and may be empty.
    ///
    /// # Errors
    /// The store does not open.
    fn open(dir: &Path, args: &Args) -> Result<Self, String>;

    /// The most events one intent can have here.
    fn longest_stream(&self) -> u32 {
        u32::MAX
    }

    /// Makes ready for a plan, before the clock starts.
    ///
    /// # Errors
    /// The store fails.
    fn prepare(&self, _plan: &Plan) -> Result<(), String> {
        Ok(())
    }

    /// Loads the command's stream, decides as [`decide`] does, and appends the event with its expected revision.
    ///
    /// # Errors
    /// The store fails; the event may be there or not.
    ///
    /// # Durability
    /// [`Outcome::Appended`] is said when the event is as durable as [`About::durable`] says.
    fn execute(&self, command: Command) -> impl Future<Output = Result<Outcome, String>> + Send;

    /// Reads every event in the store's order.
    ///
    /// # Errors
    /// The store cannot be read.
    fn replay(&self, each: &mut dyn FnMut(Read<'_>)) -> Result<(), String>;

    /// Leaves the store in order and lets go of its files.
    ///
    /// # Errors
    /// The store fails.
    fn close(self) -> Result<(), String>;

    /// Runs all writers at once: on a thread each, unless the store lives in an async runtime.
    fn drive(&self, writers: Vec<BoxFuture>) {
        on_threads(writers);
    }
}
