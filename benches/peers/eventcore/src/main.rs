//! eventcore on its SQLite store: one connection behind a lock. A command loads, decides and appends in one call.

use std::collections::HashMap;
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use eventcore::{RetryPolicy, execute};
use eventcore_sqlite::{SqliteEventStore, rusqlite};
use eventcore_types::{
    BatchSize, CommandError, CommandLogic, CommandStreams, Event as Stored, EventFilter, EventPage,
    EventReader, NewEvents, StreamDeclarations, StreamId,
};
use quittance_peers_common::{
    About, Args, BoxFuture, Command, Decision, Event, History, Outcome, Read, Store, Stream, decide,
    main as run,
};
use serde::{Deserialize, Serialize};
use tokio::runtime::Runtime;

/// Events in one page of a replay.
const PAGE: usize = 4_096;

struct Eventcore {
    store: SqliteEventStore,
    runtime: Runtime,
}

#[derive(Clone, Serialize, Deserialize)]
struct Appended {
    stream: StreamId,
    text: String,
}

impl Stored for Appended {
    fn stream_id(&self) -> &StreamId {
        &self.stream
    }

    fn event_type_name() -> &'static str {
        "appended"
    }
}

struct Append {
    stream: StreamId,
    command: Command,
    /// The event that the last decision was for.
    decided: Arc<Mutex<Option<Event>>>,
}

/// The stream so far, or what was wrong with it.
struct Loaded(Result<History, String>);

impl Default for Loaded {
    fn default() -> Self {
        Self(Ok(History::default()))
    }
}

/// Why nothing was written.
#[derive(Debug)]
struct Refused(Outcome);

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl std::error::Error for Refused {}

impl CommandStreams for Append {
    fn stream_declarations(&self) -> StreamDeclarations {
        StreamDeclarations::single(self.stream.clone())
    }
}

impl CommandLogic for Append {
    type Event = Appended;
    type State = Loaded;

    fn apply(&self, state: Loaded, event: &Appended) -> Loaded {
        Loaded(state.0.and_then(|mut history| {
            history.push(self.command.stream, &event.text)?;
            Ok(history)
        }))
    }

    fn handle(&self, state: Loaded) -> Result<NewEvents<Appended>, CommandError> {
        match decide(&self.command, &state.0?) {
            Decision::Append(event) => {
                *self.decided.lock().unwrap_or_else(PoisonError::into_inner) = Some(event);
                let appended = Appended { stream: self.stream.clone(), text: event.text() };
                Ok(NewEvents::from(vec![appended]))
            }
            Decision::Conflict => Err(CommandError::business_rule_violated(Refused(Outcome::Conflict))),
            Decision::Full => Err(CommandError::business_rule_violated(Refused(Outcome::Full))),
        }
    }
}

fn main() -> ExitCode {
    run::<Eventcore>()
}

impl Store for Eventcore {
    fn about(_: &str) -> About {
        About {
            name: "eventcore (sqlite)".to_owned(),
            version: "2.1.0",
            durable: "WAL, synchronous=FULL, per command",
            notes: "its own retries are off, so that conflicts are counted; its reader gives no revisions, so the order read counts",
        }
    }

    fn open(dir: &Path, _: &Args) -> Result<Self, String> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(words)?;
        let connection = rusqlite::Connection::open(dir.join("events.db")).map_err(words)?;
        connection.pragma_update(None, "journal_mode", "WAL").map_err(words)?;
        connection.pragma_update(None, "synchronous", "FULL").map_err(words)?;
        let store = SqliteEventStore::from_connection(connection);
        runtime.block_on(store.migrate()).map_err(words)?;
        Ok(Self { store, runtime })
    }

    async fn execute(&self, command: Command) -> Result<Outcome, String> {
        let stream = StreamId::try_new(command.stream.to_string()).map_err(words)?;
        let decided = Arc::new(Mutex::new(None));
        let append = Append { stream, command, decided: decided.clone() };
        match execute(&self.store, append, RetryPolicy::new().max_retries(0)).await {
            Ok(_) => {
                let event = decided.lock().unwrap_or_else(PoisonError::into_inner).take();
                event
                    .map(|event| Outcome::Appended(event.revision))
                    .ok_or("a command that decided nothing".to_owned())
            }
            Err(CommandError::ConcurrencyError(_)) => Ok(Outcome::Conflict),
            Err(CommandError::BusinessRuleViolation(why)) => match why.downcast::<Refused>() {
                Ok(refused) => Ok(refused.0),
                Err(why) => Err(words(why)),
            },
            Err(error) => Err(words(error)),
        }
    }

    fn replay(&self, each: &mut dyn FnMut(Read<'_>)) -> Result<(), String> {
        let mut revisions = HashMap::<Stream, u32>::new();
        let mut page = Some(EventPage::first(BatchSize::new(PAGE)));
        while let Some(this) = page {
            let events = self.store.read_events::<Appended>(EventFilter::all(), this);
            let events = self.runtime.block_on(events).map_err(words)?;
            page = this.next_from_results(&events);
            for (event, _) in &events {
                let stream = event.stream.as_ref().parse()?;
                let next = revisions.entry(stream).or_default();
                each(Read { stream, revision: *next, text: &event.text });
                *next += 1;
            }
        }
        Ok(())
    }

    fn close(self) -> Result<(), String> {
        drop(self.store);
        self.runtime.shutdown_timeout(Duration::from_secs(10));
        Ok(())
    }

    fn drive(&self, writers: Vec<BoxFuture>) {
        let writers: Vec<_> = writers.into_iter().map(|writer| self.runtime.spawn(writer)).collect();
        self.runtime.block_on(async {
            for writer in writers {
                writer.await.expect("a writer does not panic");
            }
        });
    }
}

fn words(error: impl ToString) -> String {
    error.to_string()
}
