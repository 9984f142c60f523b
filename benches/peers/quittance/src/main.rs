//! The engine on its embedded log. The unsigned variants append `attempt_failed`, the one event that an intent can have any
//! number of: a rail reports that an attempt failed, with the 200 bytes as its words, and expects the revision it has seen.
//! Their intents are created, paid and scheduled before the clock starts, through the same engine with real signatures. In
//! the signed variant every event is a new intent's creation, signed by that intent's own key.

mod intents;
mod signed;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{PoisonError, RwLock};

use intents::{NODE, Scheduled};
use quittance_log_sled::SledLog;
use quittance_peers_common::{
    About, Args, BoxFuture, Command, Decision, Event, History, Outcome, Plan, Read, Store, Stream, decide,
    main as run,
};
use quittance_runtime::core::command::{Request, SettlementOutcome};
use quittance_runtime::core::event::{Event as Fact, Record};
use quittance_runtime::core::ids::{AttemptNumber, IntentId, Position, Revision};
use quittance_runtime::core::rejection::RejectionCode;
use quittance_runtime::{Engine, Error, Handle, Options};
use tokio::runtime::Runtime;

struct Quittance {
    engine: Engine,
    runtime: Runtime,
    variant: Variant,
    scheduled: RwLock<HashMap<Stream, Scheduled>>,
    signed: RwLock<HashMap<Stream, Request>>,
}

#[derive(Clone, Copy, PartialEq)]
enum Variant {
    /// The engine looks the intent up and decides; the writer only says which revision it has seen.
    Report,
    /// The writer asks for the intent's state first, and decides too.
    Queried,
    Signed,
}

fn main() -> ExitCode {
    run::<Quittance>()
}

impl Store for Quittance {
    const VARIANTS: &'static [&'static str] = &["report", "queried", "signed"];

    fn about(variant: &str) -> About {
        let (name, notes) = match variant {
            "signed" => (
                "quittance (signed)",
                "each event opens an intent: its signature, made beforehand, is checked inside the time; intents of one event",
            ),
            "queried" => (
                "quittance (queried)",
                "as quittance, but the writer asks for the intent's state before each append, which waits for its durability",
            ),
            _ => (
                "quittance",
                "unsigned rail reports on scheduled intents; the engine loads and decides, shared intents are queried first; \
                 a replay also reads each intent's creation and payment, uncounted",
            ),
        };
        About {
            name: name.to_owned(),
            version: "this one",
            durable: "fdatasync per group commit (sled 0.34.7)",
            notes,
        }
    }

    fn open(dir: &Path, args: &Args) -> Result<Self, String> {
        let log = SledLog::open(log_dir(dir), Some(NODE)).map_err(words)?;
        let options = Options { policy: intents::policy(), ..Options::new(NODE) };
        let engine = Engine::start(Box::new(log), options).map_err(words)?;
        let variant = match args.variant.as_str() {
            "signed" => Variant::Signed,
            "queried" => Variant::Queried,
            _ => Variant::Report,
        };
        let runtime = tokio::runtime::Builder::new_multi_thread().build().map_err(words)?;
        Ok(Self { engine, runtime, variant, scheduled: RwLock::default(), signed: RwLock::default() })
    }

    fn longest_stream(&self) -> u32 {
        if self.variant == Variant::Signed { 1 } else { u32::MAX }
    }

    fn prepare(&self, plan: &Plan) -> Result<(), String> {
        if self.variant == Variant::Signed {
            let signed = signed::pool(plan)?;
            *self.signed.write().unwrap_or_else(PoisonError::into_inner) = signed;
        } else {
            let scheduled = intents::schedule_all(&self.engine.handle(), plan)?;
            *self.scheduled.write().unwrap_or_else(PoisonError::into_inner) = scheduled;
        }
        Ok(())
    }

    async fn execute(&self, command: Command) -> Result<Outcome, String> {
        let handle = self.engine.handle();
        if self.variant == Variant::Signed {
            let ready =
                self.signed.read().unwrap_or_else(PoisonError::into_inner).get(&command.stream).cloned();
            return signed::create(&handle, &command, ready).await;
        }
        let scheduled = self.scheduled(&handle, command.stream).await?;
        // Who shares an intent has to look where it is; who does not can leave that to the engine, which decides anyway.
        let known = match command.expected {
            Some(events) if self.variant == Variant::Report => events,
            _ => events(&handle, scheduled.intent).await?,
        };
        let history = History::of(known);
        let event = match decide(&command, &history) {
            Decision::Append(event) => event,
            Decision::Conflict => return Ok(Outcome::Conflict),
            Decision::Full => return Ok(Outcome::Full),
        };
        report(&handle, &scheduled, &event).await
    }

    fn replay(&self, each: &mut dyn FnMut(Read<'_>)) -> Result<(), String> {
        let mut streams: HashMap<IntentId, Stream> = HashMap::new();
        let handle = self.engine.handle();
        let mut subscription = handle.subscribe(Position::START);
        while let Some(record) = subscription.try_next().map_err(words)? {
            hand_over(&record, &mut streams, each)?;
        }
        if subscription.position() <= handle.durable() {
            return Err(format!(
                "the log ends at {}, but reading it at {}",
                handle.durable(),
                subscription.position()
            ));
        }
        Ok(())
    }

    fn close(self) -> Result<(), String> {
        self.engine.shutdown().map(|_| ()).map_err(words)
    }

    fn drive(&self, writers: Vec<BoxFuture>) {
        // As the engine's HTTP adapters ask it: from tasks, a few threads for all of them.
        let writers: Vec<_> = writers.into_iter().map(|writer| self.runtime.spawn(writer)).collect();
        self.runtime.block_on(async {
            for writer in writers {
                writer.await.expect("a writer does not panic");
            }
        });
    }
}

impl Quittance {
    async fn scheduled(&self, handle: &Handle, stream: Stream) -> Result<Scheduled, String> {
        let ready = self.scheduled.read().unwrap_or_else(PoisonError::into_inner).get(&stream).copied();
        if let Some(ready) = ready {
            return Ok(ready);
        }
        let made = intents::schedule(handle, stream).await?;
        self.scheduled.write().unwrap_or_else(PoisonError::into_inner).insert(stream, made);
        Ok(made)
    }
}

/// How many attempts the intent's transaction has had: the load, by the folded state.
async fn events(handle: &Handle, intent: IntentId) -> Result<u32, String> {
    let attempts = handle.query(move |state| {
        let settlement = state.intent(&intent).and_then(|intent| intent.settlement());
        settlement
            .and_then(|settlement| settlement.transactions.first())
            .map(|first| first.progress.attempts().len())
    });
    let attempts = attempts.await.map_err(words)?.ok_or("the intent is not scheduled")?;
    u32::try_from(attempts).map_err(words)
}

async fn report(handle: &Handle, scheduled: &Scheduled, event: &Event) -> Result<Outcome, String> {
    let attempt = u16::try_from(event.revision + 1).map_err(words)?;
    let request = Request::ReportSettlement {
        intent: scheduled.intent,
        transaction: scheduled.transaction,
        attempt: AttemptNumber(attempt),
        outcome: SettlementOutcome::FailedRetryable { reason: event.text() },
        expected: Some(Revision(scheduled.revision.0 + event.revision)),
    };
    match handle.execute(request).await {
        Ok(accepted) if accepted.repeated => Ok(Outcome::Conflict),
        Ok(_) => Ok(Outcome::Appended(event.revision)),
        Err(Error::Rejected(rejection)) if rejection.code == RejectionCode::RevisionMismatch => {
            Ok(Outcome::Conflict)
        }
        Err(error) => Err(words(error)),
    }
}

/// Passes on the records that the workload wrote, and learns from the others which intent is which stream.
fn hand_over(
    record: &Record,
    streams: &mut HashMap<IntentId, Stream>,
    each: &mut dyn FnMut(Read<'_>),
) -> Result<(), String> {
    let Some(subject) = record.subject else { return Ok(()) };
    match &record.event {
        Fact::IntentCreated { terms, .. } => {
            if let Some(text) = terms.metadata.get(signed::EVENT) {
                let stream = Event::parse(text)?.stream;
                each(Read { stream, revision: subject.revision.0, text });
            } else if let Some(stream) = terms.metadata.get(intents::STREAM) {
                streams.insert(subject.intent, stream.parse()?);
            }
        }
        Fact::AttemptFailed { attempt, reason, .. } => {
            let stream =
                *streams.get(&subject.intent).ok_or("an attempt at an intent that nobody created")?;
            let revision = u32::from(attempt.0) - 1;
            let place = intents::FIRST_REVISION + revision;
            if subject.revision.0 != place {
                return Err(format!(
                    "attempt {attempt} of {stream} is at revision {}, not {place}",
                    subject.revision
                ));
            }
            each(Read { stream, revision, text: reason });
        }
        _ => {}
    }
    Ok(())
}

fn log_dir(dir: &Path) -> PathBuf {
    dir.join("log")
}

fn words(error: impl ToString) -> String {
    error.to_string()
}
