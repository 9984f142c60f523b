use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use quittance_core::frame::decode;
use quittance_core::ids::{IntentId, Position};
use quittance_runtime::Handle;
use quittance_runtime::log::{FrameBytes, LogError, LogReader};
use quittance_runtime::table::{Entry, Table};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixSocket, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{
    Begun, END, FAILED, GRANTED, MAX_WORDS_BYTES, Question, REFUSED, REQUEST_BYTES, begun, is_too_long,
    webhooks,
};

/// The most askers at once; more are refused, not kept waiting.
const MAX_ASKERS: usize = 4;
/// Askers that the system holds until they are accepted.
const BACKLOG: u32 = 16;
/// How long a request may take to come: it is written at once or never.
const REQUEST: Duration = Duration::from_secs(5);
/// How long an asker may take over so many bytes: it writes to a disk, which may be slow.
const TAKE: Duration = Duration::from_secs(30);
const PART_BYTES: usize = 64 * 1024;
/// How long to wait after the system could not accept, so as not to spin.
const AGAIN: Duration = Duration::from_millis(100);
/// About as much is read ahead of what the asker takes.
const AHEAD_BYTES: usize = 256 * 1024;
/// Entries of a table that are read at once: at most 4 MiB.
const ENTRIES_AT_ONCE: usize = 64;

/// The channel of a running node.
#[derive(Debug)]
pub(crate) struct Operator {
    path: PathBuf,
    accepting: JoinHandle<()>,
    askers: TaskTracker,
}

impl Operator {
    /// Opens the channel in `data`. A socket that is there is replaced: whoever holds the log's lock is the only node here.
    ///
    /// # Errors
    /// The path is too long for a socket, something else has its name, or the file system has no sockets.
    pub(crate) fn open(
        data: &Path,
        handle: Handle,
        store: Store,
        stop: CancellationToken,
    ) -> io::Result<Self> {
        let path = super::path(data);
        let listener = bind(&path)?;
        let askers = TaskTracker::new();
        let accepting = tokio::spawn(accept(listener, Asked { handle, store }, stop, askers.clone()));
        Ok(Self { path, accepting, askers })
    }

    /// Ends it, once its token was cancelled, while the log's lock is still held.
    pub(crate) async fn close(self) {
        let _ = self.accepting.await;
        self.askers.close();
        self.askers.wait().await;
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "the operator's channel was not removed");
        }
    }
}

fn bind(path: &Path) -> io::Result<UnixListener> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => fs::remove_file(path)?,
        Ok(_) => return Err(io::Error::other("it exists and is no socket")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let socket = UnixSocket::new_stream()?;
    socket.bind(path).map_err(|error| match is_too_long(&error) {
        true => io::Error::other(format!(
            "the path is too long for a socket ({} bytes; systems take about 100); a shorter data directory, or one \
             given relative to the working directory, helps",
            path.as_os_str().len()
        )),
        false => error,
    })?;
    // Before it listens: nobody can connect until then.
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    socket.listen(BACKLOG)
}

/// What is read for an operator behind the engine's back.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    pub(crate) reader: Arc<dyn LogReader>,
    /// The table that others rely on in part, and how the keys of that part begin.
    pub(crate) beside: Arc<dyn Table>,
    pub(crate) prefix: &'static [u8],
}

#[derive(Clone, Debug)]
struct Asked {
    handle: Handle,
    store: Store,
}

async fn accept(listener: UnixListener, asked: Asked, stop: CancellationToken, askers: TaskTracker) {
    let places = Arc::new(Semaphore::new(MAX_ASKERS));
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "an operator's connection could not be accepted");
                tokio::time::sleep(AGAIN).await;
                continue;
            }
        };
        let place = Arc::clone(&places).try_acquire_owned().ok();
        let (asked, stop) = (asked.clone(), stop.clone());
        askers.spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                answered = asked.answer(stream, place) => if let Err(error) = answered {
                    tracing::warn!(%error, "an operator's request was not answered to its end");
                }
            }
        });
    }
}

impl Asked {
    async fn answer(&self, stream: UnixStream, place: Option<OwnedSemaphorePermit>) -> io::Result<()> {
        let mut asker = Asker { place, stream };
        if asker.place.is_none() {
            return asker
                .refuse(&format!("{MAX_ASKERS} others are being answered; try again in a moment"))
                .await;
        }
        let mut request = [0; REQUEST_BYTES];
        timeout(REQUEST, asker.stream.read_exact(&mut request)).await??;
        let question = match begun(request) {
            Ok(Begun::Whole(question)) => question,
            Ok(Begun::About(of)) => {
                let mut intent = [0; 32];
                timeout(REQUEST, asker.stream.read_exact(&mut intent)).await??;
                of(IntentId(intent))
            }
            Err(why) => return asker.refuse(&why).await,
        };
        let engine = &self.handle;
        let entries = match question {
            Question::Frames(from) => return self.send_frames(asker, from).await,
            Question::Beside => return self.send_beside(asker).await,
            Question::PendingWebhooks => webhooks::pending(engine).await,
            Question::Webhook(id) => webhooks::one(engine, id).await.map(|one| vec![one]),
            Question::Redeliver(id) => webhooks::redeliver(engine, id).await.map(|one| vec![one]),
            Question::GiveUp(id) => webhooks::give_up(engine, id).await.map(|one| vec![one]),
        };
        match entries {
            Ok(entries) => self.send_entries(asker, &entries).await,
            Err(error) => asker.refuse(&error.to_string()).await,
        }
    }

    fn granted(&self, durable: Position) -> Vec<u8> {
        [&[GRANTED][..], &self.handle.node().0, &durable.0.to_le_bytes()].concat()
    }

    async fn send_entries(&self, mut asker: Asker, entries: &[Value]) -> io::Result<()> {
        let mut bytes = self.granted(self.handle.durable());
        for entry in entries {
            let text = entry.to_string();
            bytes.extend_from_slice(&u32::try_from(text.len()).unwrap_or(FAILED).to_le_bytes());
            bytes.extend_from_slice(text.as_bytes());
        }
        bytes.extend_from_slice(&END.to_le_bytes());
        asker.write(&bytes).await
    }

    async fn send_frames(&self, mut asker: Asker, from: Position) -> io::Result<()> {
        let durable = self.handle.durable();
        asker.write(&self.granted(durable)).await?;
        let mut log =
            Durable { frames: self.store.reader.frames(from), upto: durable, sound: Position::START };
        loop {
            // The store may have to go to the disk.
            let read = tokio::task::spawn_blocking(move || {
                let batch = log.batch();
                (log, batch)
            });
            let batch;
            (log, batch) = read.await.map_err(io::Error::other)?;
            let Batch { bytes, then } = batch;
            asker.write(&bytes).await?;
            match then {
                Then::More => {}
                Then::End => return asker.write(&END.to_le_bytes()).await,
                Then::Failed(error) => {
                    tracing::error!(%error, "the log could not be read for an operator");
                    return asker.fail(&error.to_string()).await;
                }
            }
        }
    }

    async fn send_beside(&self, mut asker: Asker) -> io::Result<()> {
        asker.write(&self.granted(self.handle.durable())).await?;
        let mut from = self.store.prefix.to_vec();
        loop {
            let Store { beside, prefix, .. } = self.store.clone();
            let begin = from.clone();
            let read = tokio::task::spawn_blocking(move || beside.scan_from(prefix, &begin, ENTRIES_AT_ONCE));
            let entries = match read.await.map_err(io::Error::other)? {
                Ok(entries) => entries,
                Err(error) => {
                    tracing::error!(%error, "a table could not be read for an operator");
                    return asker.fail(&error.to_string()).await;
                }
            };
            let Some(last) = entries.last() else { return asker.write(&END.to_le_bytes()).await };
            // The least key behind it.
            from = [&last.key[..], &[0]].concat();
            asker.write(&entries.iter().flat_map(entry_bytes).collect::<Vec<_>>()).await?;
        }
    }
}

/// With its length in front. Invariant: a table's entries are much shorter than a frame may be.
fn entry_bytes(entry: &Entry) -> Vec<u8> {
    let key = u16::try_from(entry.key.len()).unwrap_or(u16::MAX).to_le_bytes();
    let bytes = [&key[..], &entry.key, &entry.value].concat();
    let length = u32::try_from(bytes.len()).unwrap_or(FAILED).to_le_bytes();
    [&length[..], &bytes].concat()
}

struct Batch {
    bytes: Vec<u8>,
    then: Then,
}

enum Then {
    More,
    End,
    Failed(LogError),
}

/// What may be sent of a log: the reader behind it sees frames that are written and not durable yet.
struct Durable {
    frames: FrameBytes,
    upto: Position,
    /// The last position of the last whole frame, once there was one.
    sound: Position,
}

impl Durable {
    /// The next frames, as they are sent.
    fn batch(&mut self) -> Batch {
        let mut bytes = Vec::with_capacity(AHEAD_BYTES + AHEAD_BYTES / 4);
        let then = loop {
            if bytes.len() >= AHEAD_BYTES {
                break Then::More;
            }
            match self.next() {
                Ok(Some(frame)) => {
                    bytes.extend_from_slice(&u32::try_from(frame.len()).unwrap_or(FAILED).to_le_bytes());
                    bytes.extend_from_slice(&frame);
                }
                Ok(None) => break Then::End,
                Err(error) => break Then::Failed(error),
            }
        };
        Batch { bytes, then }
    }

    fn next(&mut self) -> Result<Option<Vec<u8>>, LogError> {
        let Some(bytes) = self.frames.next().transpose()? else { return Ok(None) };
        let frame = decode(&bytes).map_err(|error| LogError::damaged(self.sound, &error))?;
        let last = frame.records.last().map_or(self.sound, |last| last.position);
        self.sound = last;
        Ok((last <= self.upto).then_some(bytes))
    }
}

struct Asker {
    /// None: it came when all were taken. Freed before the stream closes: who sees the end of an answer finds it free.
    place: Option<OwnedSemaphorePermit>,
    stream: UnixStream,
}

impl Asker {
    async fn refuse(&mut self, why: &str) -> io::Result<()> {
        self.write(&[&[REFUSED][..], &words(why)].concat()).await
    }

    async fn fail(&mut self, why: &str) -> io::Result<()> {
        self.write(&[&FAILED.to_le_bytes()[..], &words(why)].concat()).await
    }

    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        for part in bytes.chunks(PART_BYTES) {
            timeout(TAKE, self.stream.write_all(part)).await??;
        }
        Ok(())
    }
}

/// Words with their length, cut where they are too long.
fn words(text: &str) -> Vec<u8> {
    let text = &text[..text.floor_char_boundary(MAX_WORDS_BYTES)];
    let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
    [&length.to_le_bytes()[..], text.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use quittance_runtime::log::contract::sample_frames;
    use quittance_runtime::log::{EventLog, MemoryLog};

    use super::*;

    /// Lost if this fails: a backup holds payments that the node itself lost in a power cut, and never fits it again.
    #[test]
    fn what_is_written_but_not_durable_is_not_sent() {
        let mut log = MemoryLog::new();
        for _ in 0..3 {
            let frames = sample_frames(log.tip(), 1, 2).0;
            log.append(&frames).unwrap();
        }
        let stored: Vec<_> = log.reader().frames(Position(1)).map(Result::unwrap).collect();
        for (from, durable, sent) in
            [(1, 6, 0..3), (1, 4, 0..2), (1, 3, 0..1), (4, 4, 1..2), (5, 4, 2..2), (1, 0, 0..0)]
        {
            let frames = log.reader().frames(Position(from));
            let mut log = Durable { frames, upto: Position(durable), sound: Position::START };
            let Batch { bytes, then } = log.batch();
            let expected: Vec<u8> = stored[sent]
                .iter()
                .flat_map(|frame| [&u32::try_from(frame.len()).unwrap().to_le_bytes()[..], frame].concat())
                .collect();
            assert_eq!(bytes, expected, "from {from}, durable up to {durable}");
            assert!(matches!(then, Then::End));
        }
    }

    #[test]
    fn long_words_are_cut_between_characters() {
        let sent = words(&"\u{e9}".repeat(MAX_WORDS_BYTES));
        assert_eq!(sent.len(), 2 + MAX_WORDS_BYTES);
        assert!(std::str::from_utf8(&sent[2..]).is_ok());
        assert_eq!(words("no"), *b"\x02\0no");
    }
}
