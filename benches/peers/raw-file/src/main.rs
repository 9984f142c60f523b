//! One append-only file. A commit is one write and one `fdatasync`, shared by everybody who came while the one before was
//! under way; the first of them does it for all. What a log store can at best do here.

use std::collections::{HashMap, VecDeque};
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use quittance_peers_common::{
    About, Args, Command, Decision, EVENT_BYTES, Event, History, Outcome, Read, Store, Stream, decide,
    main as run,
};

/// A record: the text, and a checksum so that a torn end is seen.
const RECORD_BYTES: usize = EVENT_BYTES + 8;

/// Records that room is made for at a time, about 64 MiB: written as zeros, so that a commit changes neither the file's length
/// nor its map and only its data has to reach the disk. Without that, 16 writers and more were two to three times slower.
const AHEAD: u64 = 320_000;

struct RawFile {
    file: File,
    state: Mutex<State>,
    synced: Condvar,
}

#[derive(Default)]
struct State {
    /// Where each event of a stream is, undurable ones included.
    streams: HashMap<Stream, Vec<u64>>,
    /// What the next commit writes.
    buffer: Vec<u8>,
    /// The events from `durable` to `end`.
    recent: VecDeque<Event>,
    /// Where the next record goes.
    end: u64,
    /// How far everything is durable.
    durable: u64,
    /// How far the file has room.
    room: u64,
    /// Somebody is writing.
    leading: bool,
    failed: Option<String>,
}

fn main() -> ExitCode {
    run::<RawFile>()
}

impl Store for RawFile {
    fn about(_: &str) -> About {
        About {
            name: "raw file".to_owned(),
            version: "-",
            durable: "fdatasync per group commit",
            notes: "no store: one file, allocated ahead, with an index in memory",
        }
    }

    fn open(dir: &Path, _: &Args) -> Result<Self, String> {
        let path = dir.join("events");
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(false).open(&path).map_err(words)?;
        file.sync_all().map_err(words)?;
        File::open(dir).and_then(|dir| dir.sync_all()).map_err(words)?;
        let mut state = State::default();
        let stored = fs::read(&path).map_err(words)?;
        for record in stored.chunks(RECORD_BYTES).take_while(|record| record.iter().any(|byte| *byte != 0)) {
            let event = parse(record)?;
            state.streams.entry(event.stream).or_default().push(state.end);
            state.end += RECORD_BYTES as u64;
        }
        state.room = stored.len() as u64;
        if state.room == 0 {
            state.room = make_room(&file, 0).map_err(words)?;
        }
        state.durable = state.end;
        Ok(Self { file, state: Mutex::new(state), synced: Condvar::new() })
    }

    async fn execute(&self, command: Command) -> Result<Outcome, String> {
        let history = self.load(command.stream)?;
        match decide(&command, &history) {
            Decision::Append(event) => self.append(&event),
            Decision::Conflict => Ok(Outcome::Conflict),
            Decision::Full => Ok(Outcome::Full),
        }
    }

    fn replay(&self, each: &mut dyn FnMut(Read<'_>)) -> Result<(), String> {
        let end = self.lock().durable;
        let mut chunk = vec![0; 4_096 * RECORD_BYTES];
        let mut revisions: HashMap<Stream, u32> = HashMap::new();
        for start in (0..end).step_by(chunk.len()) {
            let bytes = chunk.len().min(usize::try_from(end - start).unwrap_or(usize::MAX));
            self.file.read_exact_at(&mut chunk[..bytes], start).map_err(words)?;
            for record in chunk[..bytes].chunks(RECORD_BYTES) {
                let event = parse(record)?;
                let next = revisions.entry(event.stream).or_default();
                each(Read { stream: event.stream, revision: *next, text: text(record)? });
                *next += 1;
            }
        }
        Ok(())
    }

    fn close(self) -> Result<(), String> {
        self.file.sync_all().map_err(words)
    }
}

impl RawFile {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the stream back: what is durable from the file, what is not yet from memory. A decision may stand on the
    /// latter, since its own event becomes durable no earlier.
    fn load(&self, stream: Stream) -> Result<History, String> {
        let state = self.lock();
        let places = state.streams.get(&stream).map(Vec::as_slice).unwrap_or_default();
        let (durable, recent) = places.split_at(places.partition_point(|place| *place < state.durable));
        let recent_at = |place: &u64| state.recent.get(index(place - state.durable)).copied();
        let (durable, recent): (Vec<u64>, Vec<_>) =
            (durable.to_vec(), recent.iter().map(recent_at).collect());
        drop(state);
        let mut history = History::default();
        let mut record = [0; RECORD_BYTES];
        for place in durable {
            self.file.read_exact_at(&mut record, place).map_err(words)?;
            history.push(stream, text(&record)?)?;
        }
        for event in recent {
            history
                .push(stream, &event.ok_or("an event that is neither in the file nor on its way")?.text())?;
        }
        Ok(history)
    }

    fn append(&self, event: &Event) -> Result<Outcome, String> {
        let mut state = self.lock();
        let end = state.end;
        let places = state.streams.entry(event.stream).or_default();
        if places.len() != event.revision as usize {
            // Another writer was first. Its event is what the answer stands on, so it has to be durable as well.
            let first = places.last().copied().unwrap_or_default();
            return self.until_durable(state, first).map(|()| Outcome::Conflict);
        }
        places.push(end);
        let text = event.text();
        state.buffer.extend_from_slice(text.as_bytes());
        state.buffer.extend_from_slice(&checksum(text.as_bytes()).to_le_bytes());
        state.recent.push_back(*event);
        state.end += RECORD_BYTES as u64;
        self.until_durable(state, end).map(|()| Outcome::Appended(event.revision))
    }

    /// Waits for the commit that covers the record at `place`, and makes it where nobody else does.
    fn until_durable<'a>(&'a self, mut state: MutexGuard<'a, State>, place: u64) -> Result<(), String> {
        loop {
            if let Some(failed) = &state.failed {
                return Err(failed.clone());
            }
            if state.durable > place {
                return Ok(());
            }
            state = if state.leading {
                self.synced.wait(state).unwrap_or_else(PoisonError::into_inner)
            } else {
                self.commit(state)
            };
        }
    }

    /// Makes everything in the buffer durable, without holding the lock meanwhile.
    fn commit<'a>(&'a self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        let (from, to) = (state.durable, state.end);
        let buffer = std::mem::take(&mut state.buffer);
        let mut room = state.room;
        state.leading = true;
        drop(state);
        let made = if to > room { make_room(&self.file, room).map(|made| room = made) } else { Ok(()) };
        let written = made.and_then(|()| self.file.write_all_at(&buffer, from));
        let done = written.and_then(|()| self.file.sync_data());
        let mut state = self.lock();
        state.room = room;
        state.leading = false;
        match done {
            Ok(()) => {
                state.recent.drain(..index(to - from));
                state.durable = to;
            }
            Err(error) => state.failed = Some(words(error)),
        }
        self.synced.notify_all();
        state
    }
}

/// Makes room behind `end`; where it ends.
fn make_room(file: &File, end: u64) -> std::io::Result<u64> {
    let zeros = vec![0; 1_000 * RECORD_BYTES];
    let room = end + AHEAD * RECORD_BYTES as u64;
    for start in (end..room).step_by(zeros.len()) {
        file.write_all_at(&zeros, start)?;
    }
    file.sync_all()?;
    Ok(room)
}

/// How many records fit into this many bytes.
fn index(bytes: u64) -> usize {
    usize::try_from(bytes / RECORD_BYTES as u64).unwrap_or(usize::MAX)
}

fn parse(record: &[u8]) -> Result<Event, String> {
    Event::parse(text(record)?)
}

fn text(record: &[u8]) -> Result<&str, String> {
    let (text, sum) = record.split_at_checked(EVENT_BYTES).ok_or("a torn record")?;
    if checksum(text).to_le_bytes() != sum {
        return Err("a record whose checksum is wrong".to_owned());
    }
    str::from_utf8(text).map_err(|error| error.to_string())
}

/// FNV-1a: enough to see a torn record, and no dependency.
fn checksum(bytes: &[u8]) -> u64 {
    let fold = |sum: u64, byte: &u8| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, fold)
}

fn words(error: impl ToString) -> String {
    error.to_string()
}
