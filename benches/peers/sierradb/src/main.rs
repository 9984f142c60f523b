//! SierraDB's store as a library, without its cluster: a writer thread per bucket, each with its own file and its own sync.

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use quittance_peers_common::{
    About, Args, BoxFuture, Command, Decision, Event, History, Outcome, Read, Store, Stream, decide,
    main as run,
};
use sierradb::bucket::segment::EventRecord;
use sierradb::database::{Database, DatabaseBuilder, ExpectedVersion, NewEvent, Transaction};
use sierradb::error::WriteError;
use sierradb::id::{uuid_to_partition_hash, uuid_v7_with_partition_hash};
use sierradb::{IterDirection, StreamId};
use smallvec::smallvec;
use tokio::runtime::Runtime;
use uuid::Uuid;

/// Partitions that the intents are spread over: enough to use every bucket.
const PARTITIONS: u16 = 16;

struct Sierra {
    db: Database,
    runtime: Runtime,
}

fn main() -> ExitCode {
    run::<Sierra>()
}

impl Store for Sierra {
    const VARIANTS: &'static [&'static str] = &["short", "default", "eager"];

    fn about(variant: &str) -> About {
        let (name, durable) = match variant {
            "eager" => ("sierradb (eager)", "fdatasync per write"),
            "default" => {
                ("sierradb (default)", "fdatasync per 4 KiB, 50 events or 5 to 50 ms, of each bucket")
            }
            _ => ("sierradb", "fdatasync per 4 KiB, 50 events or 1 ms, of each bucket"),
        };
        let notes = "a replay is in order within each of 16 partitions, not over all";
        About { name: name.to_owned(), version: "0.3.1", durable, notes }
    }

    fn open(dir: &Path, args: &Args) -> Result<Self, String> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(words)?;
        let mut builder = DatabaseBuilder::new();
        match args.variant.as_str() {
            "default" => {}
            "eager" => {
                builder.max_batch_size(1);
            }
            // Its default of 5 ms, and 50 ms when it was idle, would make a lone writer wait for the timer.
            _ => {
                builder.sync_interval(Duration::from_millis(1)).sync_idle_interval(Duration::from_millis(1));
            }
        }
        let db = {
            let _inside = runtime.enter();
            builder.open(dir.join("sierradb")).map_err(words)?
        };
        Ok(Self { db, runtime })
    }

    async fn execute(&self, command: Command) -> Result<Outcome, String> {
        let place = Place::of(command.stream)?;
        let mut history = History::default();
        let read = self.db.read_stream(place.partition, place.stream.clone(), 0, IterDirection::Forward);
        let mut events = read.await.map_err(words)?;
        while let Some(committed) = events.next().await.map_err(words)? {
            for event in committed {
                history.push(command.stream, str::from_utf8(&event.payload).map_err(words)?)?;
            }
        }
        match decide(&command, &history) {
            Decision::Append(event) => self.append(place, &event).await,
            Decision::Conflict => Ok(Outcome::Conflict),
            Decision::Full => Ok(Outcome::Full),
        }
    }

    fn replay(&self, each: &mut dyn FnMut(Read<'_>)) -> Result<(), String> {
        let mut hand_over = |event: &EventRecord| -> Result<(), String> {
            let stream = event.stream_id.parse()?;
            let revision = u32::try_from(event.stream_version).map_err(words)?;
            each(Read { stream, revision, text: str::from_utf8(&event.payload).map_err(words)? });
            Ok(())
        };
        self.runtime.block_on(async {
            for partition in 0..PARTITIONS {
                let events = self.db.read_partition(partition, 0, IterDirection::Forward);
                let mut events = events.await.map_err(words)?;
                while let Some(committed) = events.next().await.map_err(words)? {
                    for event in committed {
                        hand_over(&event)?;
                    }
                }
            }
            Ok(())
        })
    }

    fn close(self) -> Result<(), String> {
        self.runtime.block_on(self.db.shutdown());
        drop(self.db);
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

impl Sierra {
    async fn append(&self, place: Place, event: &Event) -> Result<Outcome, String> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_err(words)?;
        let stream_version = match event.revision {
            0 => ExpectedVersion::Empty,
            revision => ExpectedVersion::Exact(u64::from(revision) - 1),
        };
        let new = NewEvent {
            event_id: uuid_v7_with_partition_hash(uuid_to_partition_hash(place.key)),
            stream_id: place.stream,
            stream_version,
            event_name: "appended".to_owned(),
            timestamp: u64::try_from(now.as_nanos()).map_err(words)?,
            metadata: Vec::new(),
            payload: event.text().into_bytes(),
        };
        let transaction = Transaction::new(place.key, place.partition, smallvec![new]).map_err(words)?;
        match self.db.append_events(transaction).await {
            Ok(_) => Ok(Outcome::Appended(event.revision)),
            Err(WriteError::WrongExpectedVersion { .. }) => Ok(Outcome::Conflict),
            Err(error) => Err(words(error)),
        }
    }
}

/// Where an intent's stream is.
struct Place {
    stream: StreamId,
    key: Uuid,
    partition: u16,
}

impl Place {
    fn of(stream: Stream) -> Result<Self, String> {
        let number = (u64::from(stream.slot) << 32) | u64::from(stream.generation);
        // Spread, so that neighbours do not share a partition.
        let spread = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let partition = u16::try_from(spread >> 60).map_err(words)? % PARTITIONS;
        let key = Uuid::from_u128((u128::from(number) << 64) | u128::from(spread));
        Ok(Self { stream: StreamId::new(stream.to_string()).map_err(words)?, key, partition })
    }
}

fn words(error: impl ToString) -> String {
    error.to_string()
}
