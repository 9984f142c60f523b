//! UmaDB's core as a library, used as its server uses it: readers on their own, and all appends through its one writer
//! thread, which batches those that wait into one commit. The library's own `append` can be called from several threads at
//! once, but has no lock between them; the variant `direct` does that, and its check says what comes of it.

use std::collections::HashMap;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use quittance_peers_common::{
    About, Args, Command, Decision, History, Outcome, Read, Store, Stream, decide, main as run,
};
use tokio::sync::{mpsc, oneshot, watch};
use umadb_core::db::UmaDb;
use umadb_core::mvcc::{Mvcc, StorageOptions};
use umadb_core::writer_thread_blocking::writer_thread_blocking;
use umadb_core::writer_thread_request::WriterThreadRequest;
use umadb_dcb::{
    DcbAppendCondition, DcbError, DcbEvent, DcbEventStoreSync, DcbQuery, DcbQueryItem, DcbResult,
};

/// Requests that may wait for the writer thread, and events in one commit at most.
const QUEUE: usize = 1_024;
/// Events in one page of a replay.
const PAGE: u32 = 4_096;

struct Uma {
    db: UmaDb,
    requests: mpsc::Sender<WriterThreadRequest>,
    writer: JoinHandle<()>,
    /// Appends by whoever comes, as the library's API allows.
    direct: bool,
}

fn main() -> ExitCode {
    run::<Uma>()
}

impl Store for Uma {
    const VARIANTS: &'static [&'static str] = &["writer-thread", "direct"];

    fn about(variant: &str) -> About {
        let (name, notes) = match variant {
            "direct" => (
                "umadb-core (direct)",
                "its `append` from many threads, with nothing of ours to serialise them",
            ),
            _ => (
                "umadb-core",
                "appends go through its server's writer thread; see the variant `direct` for why",
            ),
        };
        About { name: name.to_owned(), version: "0.7.8", durable: "fdatasync twice per group commit", notes }
    }

    fn open(dir: &Path, args: &Args) -> Result<Self, String> {
        // It has no page cache unless asked; with one it is up to three times as fast here.
        let options = StorageOptions::default().db_path(dir.join("uma.db")).page_cache_max_mb(256);
        let mvcc = Arc::new(Mvcc::new(false, options).map_err(words)?);
        let (requests, waiting) = mpsc::channel(QUEUE);
        let (head, _) = watch::channel(None);
        let writing = mvcc.clone();
        let writer = thread::Builder::new().name("umadb-writer".to_owned());
        let writer =
            writer.spawn(move || writer_thread_blocking(writing, waiting, head, QUEUE)).map_err(words)?;
        Ok(Self { db: UmaDb::from_arc(mvcc), requests, writer, direct: args.variant == "direct" })
    }

    async fn execute(&self, command: Command) -> Result<Outcome, String> {
        let id = command.stream.to_string();
        let about = DcbQuery::new().item(DcbQueryItem::new().tags([id.clone()]));
        let mut history = History::default();
        let mut after = None;
        for event in self.db.read(Some(about.clone()), None, false, None).map_err(words)? {
            let event = event.map_err(words)?;
            history.push(command.stream, str::from_utf8(&event.event.data).map_err(words)?)?;
            after = Some(event.position);
        }
        let event = match decide(&command, &history) {
            Decision::Append(event) => event,
            Decision::Conflict => return Ok(Outcome::Conflict),
            Decision::Full => return Ok(Outcome::Full),
        };
        let stored = DcbEvent::new().event_type("appended").tags([id]).data(event.text().into_bytes());
        let condition = DcbAppendCondition::new(about).after(after);
        let appended = if self.direct {
            self.db.append(vec![stored], Some(condition), None)
        } else {
            self.through_writer(stored, condition).await?
        };
        match appended {
            Ok(_) => Ok(Outcome::Appended(event.revision)),
            Err(DcbError::IntegrityError(_)) => Ok(Outcome::Conflict),
            Err(error) => Err(words(error)),
        }
    }

    fn replay(&self, each: &mut dyn FnMut(Read<'_>)) -> Result<(), String> {
        let mut revisions: HashMap<Stream, u32> = HashMap::new();
        let mut start = None;
        loop {
            let mut read = 0;
            for event in self.db.read(None, start, false, Some(PAGE)).map_err(words)? {
                let event = event.map_err(words)?;
                let stream = event.event.tags.first().ok_or("an event without its tag")?.parse()?;
                let next = revisions.entry(stream).or_default();
                each(Read {
                    stream,
                    revision: *next,
                    text: str::from_utf8(&event.event.data).map_err(words)?,
                });
                *next += 1;
                start = Some(event.position + 1);
                read += 1;
            }
            if read < PAGE {
                return Ok(());
            }
        }
    }

    fn close(self) -> Result<(), String> {
        self.requests
            .blocking_send(WriterThreadRequest::Shutdown)
            .map_err(|_| "its writer thread has ended")?;
        self.writer.join().map_err(|_| "its writer thread panicked".to_owned())
    }
}

impl Uma {
    async fn through_writer(
        &self,
        stored: DcbEvent,
        condition: DcbAppendCondition,
    ) -> Result<DcbResult<u64>, String> {
        let (response_tx, response) = oneshot::channel();
        let request = WriterThreadRequest::Append {
            events: vec![stored],
            condition: Some(condition),
            tracking_info: None,
            response_tx,
            cancel: None,
        };
        self.requests.send(request).await.map_err(|_| "its writer thread has ended")?;
        response.await.map_err(|_| "its writer thread did not answer".to_owned())
    }
}

fn words(error: impl ToString) -> String {
    error.to_string()
}
