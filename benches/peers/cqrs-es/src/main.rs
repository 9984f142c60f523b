//! cqrs-es on sqlite-es: the framework loads an aggregate's events, lets it decide, and inserts what it decided; the primary
//! key over aggregate and sequence refuses the second writer.

use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cqrs_es::event_sink::EventSink;
use cqrs_es::persist::{PersistedEventRepository, PersistedEventStore};
use cqrs_es::{Aggregate, AggregateError, CqrsFramework, DomainEvent};
use quittance_peers_common::{
    About, Args, BoxFuture, Command, Decision, Event, History, Outcome, Read, Store, decide, main as run,
};
use serde::{Deserialize, Serialize};
use sqlite_es::{SqliteCqrs, SqliteEventRepository};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Pool, Sqlite};
use tokio::runtime::Runtime;

/// The table that sqlite-es expects.
const TABLE: &str = "CREATE TABLE IF NOT EXISTS events (
    aggregate_type text NOT NULL, aggregate_id text NOT NULL, sequence integer NOT NULL CHECK (sequence >= 0),
    event_type text NOT NULL, event_version text NOT NULL, payload text NOT NULL, metadata text NOT NULL,
    PRIMARY KEY (aggregate_type, aggregate_id, sequence)
) STRICT";

struct CqrsEs {
    pool: Pool<Sqlite>,
    cqrs: SqliteCqrs<Intent>,
    runtime: Runtime,
}

/// An intent's events so far.
#[derive(Default, Serialize, Deserialize)]
struct Intent {
    texts: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum IntentEvent {
    Appended { text: String },
}

impl DomainEvent for IntentEvent {
    fn event_type(&self) -> String {
        "Appended".to_owned()
    }

    fn event_version(&self) -> String {
        "1.0".to_owned()
    }
}

struct Append {
    command: Command,
    /// The event that was decided.
    decided: Arc<Mutex<Option<Event>>>,
}

#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("{0:?}")]
    Outcome(Outcome),
    #[error("{0}")]
    Damaged(String),
}

impl Aggregate for Intent {
    const TYPE: &'static str = "intent";
    type Command = Append;
    type Event = IntentEvent;
    type Error = Refused;
    type Services = ();

    async fn handle(&mut self, append: Append, (): &(), sink: &EventSink<Self>) -> Result<(), Refused> {
        let mut history = History::default();
        for text in &self.texts {
            history.push(append.command.stream, text).map_err(Refused::Damaged)?;
        }
        match decide(&append.command, &history) {
            Decision::Append(event) => {
                *append.decided.lock().unwrap_or_else(PoisonError::into_inner) = Some(event);
                sink.write(IntentEvent::Appended { text: event.text() }, self).await;
                Ok(())
            }
            Decision::Conflict => Err(Refused::Outcome(Outcome::Conflict)),
            Decision::Full => Err(Refused::Outcome(Outcome::Full)),
        }
    }

    fn apply(&mut self, event: IntentEvent) {
        let IntentEvent::Appended { text } = event;
        self.texts.push(text);
    }
}

fn main() -> ExitCode {
    run::<CqrsEs>()
}

impl Store for CqrsEs {
    fn about(_: &str) -> About {
        About {
            name: "cqrs-es (sqlite-es)".to_owned(),
            version: "0.5.0",
            durable: "WAL, synchronous=FULL, per command",
            notes: "its default is synchronous=NORMAL, which is not durable; a replay is by sequence, so in order within an intent",
        }
    }

    fn open(dir: &Path, _: &Args) -> Result<Self, String> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(words)?;
        let options = SqliteConnectOptions::new()
            .filename(dir.join("events.db"))
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full);
        // As many connections as its own `default_sqlite_pool` has.
        let pool = SqlitePoolOptions::new().max_connections(10).connect_with(options);
        let pool = runtime.block_on(pool).map_err(words)?;
        runtime.block_on(sqlx::query(TABLE).execute(&pool)).map_err(words)?;
        let store = PersistedEventStore::new_event_store(SqliteEventRepository::new(pool.clone()));
        Ok(Self { pool, cqrs: CqrsFramework::new(store, Vec::new(), ()), runtime })
    }

    async fn execute(&self, command: Command) -> Result<Outcome, String> {
        let decided = Arc::new(Mutex::new(None));
        let append = Append { command, decided: decided.clone() };
        match self.cqrs.execute(&command.stream.to_string(), append).await {
            Ok(()) => {
                let event = decided.lock().unwrap_or_else(PoisonError::into_inner).take();
                event
                    .map(|event| Outcome::Appended(event.revision))
                    .ok_or("a command that decided nothing".to_owned())
            }
            Err(AggregateError::AggregateConflict) => Ok(Outcome::Conflict),
            Err(AggregateError::UserError(Refused::Outcome(outcome))) => Ok(outcome),
            Err(error) => Err(words(error)),
        }
    }

    fn replay(&self, each: &mut dyn FnMut(Read<'_>)) -> Result<(), String> {
        self.runtime.block_on(async {
            let repository = SqliteEventRepository::new(self.pool.clone());
            let mut events = repository.stream_all_events::<Intent>().await.map_err(words)?;
            while let Some(event) = events.next::<Intent>(&[]).await {
                let event = event.map_err(words)?;
                let IntentEvent::Appended { text } = &event.payload;
                let revision = u32::try_from(event.sequence).map_err(words)? - 1;
                each(Read { stream: event.aggregate_id.parse()?, revision, text });
            }
            Ok(())
        })
    }

    fn close(self) -> Result<(), String> {
        self.runtime.block_on(self.pool.close());
        drop(self.cqrs);
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
