//! evento on its fjall store. Every write is one batch, validated under the store's lock; the sync after it is outside the
//! lock, so that writers at the same time can share one.

use std::path::Path;
use std::process::ExitCode;

use evento::cursor::Args as Page;
use evento::{AggregateEvent, Executor, Fjall, TenantFilter, WriteError};
use quittance_peers_common::{
    About, Args, BoxFuture, Command, Decision, History, Outcome, Read, Store, decide, main as run,
};
use tokio::runtime::Runtime;

/// Events in one page of a replay.
const PAGE: u16 = 4_096;

#[evento::aggregate(name = "peers/Intent")]
pub enum Intent {
    Appended { text: String },
}

struct Evento {
    store: Fjall,
    runtime: Runtime,
}

fn main() -> ExitCode {
    run::<Evento>()
}

impl Store for Evento {
    fn about(_: &str) -> About {
        About {
            name: "evento (fjall)".to_owned(),
            version: "2.0.0-alpha.38",
            durable: "fsync per write (SyncAll, its default)",
            notes: "builder API: a write to an existing intent also looks up its routing key",
        }
    }

    fn open(dir: &Path, _: &Args) -> Result<Self, String> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(words)?;
        Ok(Self { store: Fjall::open(dir.join("fjall")).map_err(words)?, runtime })
    }

    fn longest_stream(&self) -> u32 {
        u32::from(u16::MAX)
    }

    async fn execute(&self, command: Command) -> Result<Outcome, String> {
        let id = command.stream.to_string();
        let mut history = History::default();
        for event in evento::read::<Intent>(&id).decode(&self.store).await.map_err(words)? {
            let IntentEvent::Appended(Appended { text }) = event;
            history.push(command.stream, &text)?;
        }
        let event = match decide(&command, &history) {
            Decision::Append(event) => event,
            Decision::Conflict => return Ok(Outcome::Conflict),
            Decision::Full => return Ok(Outcome::Full),
        };
        let version = u16::try_from(event.revision).map_err(words)?;
        let mut write = evento::append(&id);
        let write = write.original_version(version).event(&Appended { text: event.text() });
        match write.commit(&self.store).await {
            Ok(_) => Ok(Outcome::Appended(event.revision)),
            Err(WriteError::InvalidOriginalVersion) => Ok(Outcome::Conflict),
            Err(error) => Err(words(error)),
        }
    }

    fn replay(&self, each: &mut dyn FnMut(Read<'_>)) -> Result<(), String> {
        let mut after = None;
        loop {
            let page = self.store.read(None, None, TenantFilter::All, Page::forward(PAGE, after), None);
            let page = self.runtime.block_on(page).map_err(words)?;
            for edge in page.edges {
                let event = edge.node;
                if event.name != Appended::event_name() {
                    return Err(format!("an event named {:?}", event.name));
                }
                let Appended { text } = bitcode::decode(&event.data).map_err(words)?;
                let revision = u32::from(event.version) - 1;
                each(Read { stream: event.aggregate_id.parse()?, revision, text: &text });
            }
            if !page.page_info.has_next_page {
                return Ok(());
            }
            after = Some(page.page_info.end_cursor.ok_or("more pages, but no cursor to the next")?);
        }
    }

    fn close(self) -> Result<(), String> {
        drop(self.store);
        self.runtime.shutdown_timeout(std::time::Duration::from_secs(10));
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
