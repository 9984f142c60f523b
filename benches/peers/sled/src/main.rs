//! sled 0.34.7 by itself: a value per event under stream and revision, written with compare-and-swap. `flush` does not reach
//! the disk's cache on Linux, so `fdatasync` of sled's file through a second handle follows; both are shared by everybody who
//! came while the ones before were under way.

use std::fs::File;
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use quittance_peers_common::{
    About, Args, Command, Decision, Event, History, Outcome, Read, Store, Stream, decide, main as run,
};

struct Sled {
    db: sled::Db,
    /// sled's data file; `None` where only sled's own `flush` is wanted.
    file: Option<File>,
    commits: Mutex<Commits>,
    ended: Condvar,
}

/// Commits in the order of their beginning.
#[derive(Default)]
struct Commits {
    begun: u64,
    ended: u64,
    leading: bool,
    failed: Option<String>,
}

fn main() -> ExitCode {
    run::<Sled>()
}

impl Store for Sled {
    const VARIANTS: &'static [&'static str] = &["fdatasync", "flush"];

    fn about(variant: &str) -> About {
        let (name, durable) = match variant {
            "flush" => ("sled (flush)", "no: sync_file_range only"),
            _ => ("sled", "flush + fdatasync per group commit"),
        };
        let notes = "a replay is in order within each intent, not over all";
        About { name: name.to_owned(), version: "0.34.7", durable, notes }
    }

    fn open(dir: &Path, args: &Args) -> Result<Self, String> {
        let path = dir.join("sled");
        // Flushing by itself every so often would be a sync nobody waits for.
        let config = sled::Config::new().path(&path).cache_capacity(256 << 20).flush_every_ms(None);
        let db = config.open().map_err(words)?;
        for dir in [&path, dir] {
            File::open(dir).and_then(|dir| dir.sync_all()).map_err(words)?;
        }
        let file = match args.variant.as_str() {
            "flush" => None,
            _ => Some(File::options().read(true).write(true).open(path.join("db")).map_err(words)?),
        };
        Ok(Self { db, file, commits: Mutex::default(), ended: Condvar::new() })
    }

    async fn execute(&self, command: Command) -> Result<Outcome, String> {
        let mut history = History::default();
        for pair in self.db.scan_prefix(prefix(command.stream)) {
            let (_, value) = pair.map_err(words)?;
            history.push(command.stream, str::from_utf8(&value).map_err(words)?)?;
        }
        match decide(&command, &history) {
            Decision::Append(event) => self.append(&event),
            Decision::Conflict => Ok(Outcome::Conflict),
            Decision::Full => Ok(Outcome::Full),
        }
    }

    fn replay(&self, each: &mut dyn FnMut(Read<'_>)) -> Result<(), String> {
        for pair in self.db.iter() {
            let (key, value) = pair.map_err(words)?;
            let number = |at: usize| {
                key.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map(u32::from_be_bytes)
            };
            let (Some(slot), Some(generation), Some(revision)) = (number(0), number(4), number(8)) else {
                return Err(format!("a key of {} bytes", key.len()));
            };
            let text = str::from_utf8(&value).map_err(words)?;
            each(Read { stream: Stream { slot, generation }, revision, text });
        }
        Ok(())
    }

    fn close(self) -> Result<(), String> {
        self.db.flush().map(|_| ()).map_err(words)
    }
}

impl Sled {
    fn append(&self, event: &Event) -> Result<Outcome, String> {
        let mut key = prefix(event.stream).to_vec();
        key.extend_from_slice(&event.revision.to_be_bytes());
        let text = event.text();
        let swapped = self.db.compare_and_swap(key, None::<&[u8]>, Some(text.as_bytes())).map_err(words)?;
        // Where another writer was first, its event is what the answer stands on, so it has to be durable as well.
        self.commit()?;
        Ok(if swapped.is_ok() { Outcome::Appended(event.revision) } else { Outcome::Conflict })
    }

    /// Waits for a commit that begins after this call, and makes it where nobody else does.
    fn commit(&self) -> Result<(), String> {
        let mut commits = self.lock();
        let wanted = commits.begun + 1;
        loop {
            if let Some(failed) = &commits.failed {
                return Err(failed.clone());
            }
            if commits.ended >= wanted {
                return Ok(());
            }
            if commits.leading {
                commits = self.ended.wait(commits).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            commits.leading = true;
            commits.begun += 1;
            drop(commits);
            let flushed = self.db.flush().map_err(words).map(|_| ());
            let synced = flushed
                .and_then(|()| self.file.as_ref().map_or(Ok(()), |file| file.sync_data().map_err(words)));
            commits = self.lock();
            commits.leading = false;
            commits.ended = commits.begun;
            commits.failed = synced.err();
            self.ended.notify_all();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Commits> {
        self.commits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn prefix(stream: Stream) -> [u8; 8] {
    ((u64::from(stream.slot) << 32) | u64::from(stream.generation)).to_be_bytes()
}

fn words(error: impl ToString) -> String {
    error.to_string()
}
