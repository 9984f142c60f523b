//! sled, held to what we need of it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError, RwLock};
use std::thread;
use std::time::{Duration, Instant};

use quittance_core::frame::EncodedFrame;
use quittance_core::ids::Position;
use quittance_runtime::log::LogError;

use crate::chunk::{self, Chunk};
use crate::failure::{Failure, guarded};
use crate::files::{self, failed};

/// A page of sled holds up to 17 values and is written whole; above a quarter of a segment it would go to a file of its own,
/// which nobody syncs. 17 x 64 KiB = 1.06 MiB is below 2 MiB.
const SEGMENT_BYTES: usize = 8 * 1024 * 1024;

/// sled's default is 1 GiB.
const CACHE_BYTES: u64 = 64 * 1024 * 1024;

/// The most writes between two syncs. sled overwrites a freed segment once two later ones have begun, believing that what
/// replaced its content is on disk. It is only when we have synced, so between two syncs less than one segment may be
/// written: with the largest frames eight writes come to at most 7 MiB, pages that sled moves about included.
pub const WRITES_PER_SYNC: usize = 8;

/// How long to wait for a store that this process has just closed: sled lets go of its file on threads of its own.
const LINGERING: Duration = Duration::from_secs(5);

const FRAMES: &str = "frames";

/// A frame's bytes and the position where it begins.
pub(crate) type Placed = (Position, Vec<u8>);

/// One sled store. Readers and tables share it with the writer, which can close it under them.
#[derive(Debug)]
pub(crate) struct Store {
    path: PathBuf,
    open: RwLock<Option<Open>>,
    /// Held from before a write until it is counted: frames and tables together keep to the limit.
    writing: Mutex<Chunk>,
    syncing: Mutex<()>,
    unsynced: AtomicUsize,
    /// The first sync that failed. The system tells of a lost write once; a later sync of the same file can succeed without
    /// it. So after one failure, on whatever behalf, nothing is durable any more until the store is opened again.
    failed: OnceLock<Failure>,
}

#[derive(Debug)]
struct Open {
    db: sled::Db,
    frames: sled::Tree,
    /// sled's own file, for the sync that sled does not do.
    file: File,
}

impl Store {
    /// Creates an empty store: when this returns it is there whole, before that not at all.
    pub(crate) fn create(path: &Path) -> Result<(), LogError> {
        let parent = path.parent().unwrap_or(Path::new("."));
        let unfinished = path.with_extension("new");
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished).map_err(failed(&unfinished))?;
        }
        // A sync of sled's that failed counts: the one below may not be told of it a second time.
        let closed = let_go(open_sled(&unfinished)?);
        closed.map_err(|failure| failure.into_log_error(&unfinished, Position::START))?;
        files::sync_tree(&unfinished)?;
        fs::rename(&unfinished, path).map_err(failed(path))?;
        files::sync(parent)
    }

    /// Opens a store that is there.
    pub(crate) fn open(path: &Path) -> Result<Self, LogError> {
        remove_unfinished_snapshots(path)?;
        check_no_blobs(path)?;
        // What an earlier process had written but not synced, sled would build on as if it were durable.
        files::sync_tree(path)?;
        let store = Self {
            path: path.to_owned(),
            open: RwLock::new(Some(open_sled(path)?)),
            writing: Mutex::default(),
            syncing: Mutex::new(()),
            unsynced: AtomicUsize::new(0),
            failed: OnceLock::new(),
        };
        check_no_blobs(path)?;
        store.sync().map_err(|failure| store.failure(Position::START, failure))?;
        files::sync_tree(path)?;
        Ok(store)
    }

    /// Lets go of sled. Readers and tables find the log closed.
    pub(crate) fn close(&self) {
        let open = self.open.write().unwrap_or_else(PoisonError::into_inner).take();
        // Nothing that was acknowledged depends on it.
        if let Some(Err(failure)) = open.map(let_go) {
            tracing::warn!(path = %self.path.display(), "closing the store: {failure:?}");
        }
    }

    /// Writes frames and syncs.
    pub(crate) fn append(&self, frames: &[EncodedFrame]) -> Result<(), Failure> {
        for frames in frames.chunks(WRITES_PER_SYNC) {
            let mut chunk = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
            self.make_room_for(frames.len())?;
            let values = chunk.add(frames);
            self.with(|open| {
                if let [(first, value)] = &values[..] {
                    return open.frames.insert(key(*first), &**value).map(drop);
                }
                let mut batch = sled::Batch::default();
                for (first, value) in &values {
                    batch.insert(&key(*first), &**value);
                }
                open.frames.apply_batch(batch)
            })?;
            self.unsynced.fetch_add(values.len(), Ordering::AcqRel);
            self.sync()?;
        }
        Ok(())
    }

    /// Writes to another tree, to be durable some time.
    pub(crate) fn write_later(
        &self,
        tree: &str,
        work: impl FnOnce(&sled::Tree) -> sled::Result<()>,
    ) -> Result<(), Failure> {
        let _counted = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        self.make_room_for(1)?;
        self.with(|open| work(&open.db.open_tree(tree)?))?;
        if self.unsynced.fetch_add(1, Ordering::AcqRel) + 1 >= WRITES_PER_SYNC {
            self.sync()?;
        }
        Ok(())
    }

    /// Syncs first if so many more writes would be too many under one sync. The caller holds `writing`, so that none come between.
    fn make_room_for(&self, writes: usize) -> Result<(), Failure> {
        if self.unsynced.load(Ordering::Acquire) + writes > WRITES_PER_SYNC { self.sync() } else { Ok(()) }
    }

    /// Reads from another tree.
    pub(crate) fn read<T>(
        &self,
        tree: &str,
        work: impl FnOnce(&sled::Tree) -> sled::Result<T>,
    ) -> Result<T, Failure> {
        self.with(|open| work(&open.db.open_tree(tree)?))
    }

    /// Makes durable everything written before.
    pub(crate) fn sync(&self) -> Result<(), Failure> {
        let _one_at_a_time = self.syncing.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(failure) = self.failed.get() {
            return Err(failure.clone());
        }
        let covered = self.unsynced.load(Ordering::Acquire);
        let synced = self.with(|open| {
            open.db.flush()?;
            Ok(open.file.sync_data()?)
        });
        if let Err(failure) = synced {
            return Err(self.failed.get_or_init(|| failure).clone());
        }
        self.unsynced.fetch_sub(covered, Ordering::AcqRel);
        Ok(())
    }

    /// The first positions and bytes of the frames that begin at `from` or later, of up to `limit` values beside the one that `from`
    /// is in.
    pub(crate) fn frames(&self, from: Position, limit: usize) -> Result<Vec<Placed>, Failure> {
        self.with(|open| {
            // The value that `from` is in may still grow, so it is read last: then nothing is missing in front of what is behind it.
            let behind: Vec<_> = open.frames.range(key(from)..).take(limit).collect::<Result<_, _>>()?;
            let before = open.frames.range(..key(from)).next_back().transpose()?;
            let (mut found, mut next) = (Vec::new(), None);
            for value in before.into_iter().chain(behind) {
                let (first, bytes) = entry(value)?;
                if !found.is_empty() && next.is_some_and(|next| next != first) {
                    // The one before has grown since it was read, or something is missing: the next call tells.
                    break;
                }
                let frames = chunk::frames(first, &bytes).into_iter().filter(|(first, _)| *first >= from);
                found.extend(frames.map(|(first, bytes)| (first, bytes.to_vec())));
                next = chunk::end(first, &bytes);
            }
            Ok(found)
        })
    }

    /// The frame with the greatest first position that is at most `at`.
    pub(crate) fn frame_at_or_before(&self, at: Position) -> Result<Option<Placed>, Failure> {
        self.with(|open| {
            let Some(value) = open.frames.range(..=key(at)).next_back().transpose()? else { return Ok(None) };
            let (first, bytes) = entry(value)?;
            let frames = chunk::frames(first, &bytes).into_iter().take_while(|(first, _)| *first <= at);
            Ok(frames.last().map(|(first, bytes)| (first, bytes.to_vec())))
        })
    }

    /// A failure as the log's error; `after` is the last position known to be sound.
    pub(crate) fn failure(&self, after: Position, failure: Failure) -> LogError {
        failure.into_log_error(&self.path, after)
    }

    fn with<T>(&self, work: impl FnOnce(&Open) -> sled::Result<T>) -> Result<T, Failure> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        let open = open.as_ref().ok_or_else(|| Failure::Other("the log was closed".to_owned()))?;
        guarded(|| work(open))
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.close();
    }
}

/// Keys sort as positions do.
fn key(position: Position) -> [u8; 8] {
    position.0.to_be_bytes()
}

fn entry((key, value): (sled::IVec, sled::IVec)) -> sled::Result<(Position, sled::IVec)> {
    let key = key.as_ref().try_into().map_err(|_| sled::Error::Corruption { at: None, bt: () })?;
    Ok((Position(u64::from_be_bytes(key)), value))
}

/// The settings that the log opens sled with, for whoever measures sled alone beside it.
#[must_use]
pub fn sled_config(path: &Path) -> sled::Config {
    sled::Config::new()
        .path(path)
        .segment_size(SEGMENT_BYTES)
        .cache_capacity(CACHE_BYTES)
        // We flush and sync ourselves; a second flusher would only compete.
        .flush_every_ms(None)
}

fn open_sled(path: &Path) -> Result<Open, LogError> {
    let config = sled_config(path);
    let deadline = Instant::now() + LINGERING;
    let db = loop {
        match guarded(|| config.open()) {
            Ok(db) => break db,
            Err(Failure::Other(why))
                if why.contains("could not acquire lock") && Instant::now() < deadline =>
            {
                thread::sleep(Duration::from_millis(5));
            }
            Err(Failure::Damaged(why)) => return Err(damaged(path, &why)),
            Err(failure) => return Err(failure.into_log_error(path, Position::START)),
        }
    };
    let finish = || {
        let frames = guarded(|| {
            let frames = db.open_tree(FRAMES)?;
            db.flush()?;
            Ok(frames)
        });
        let frames = frames.map_err(|failure| failure.into_log_error(path, Position::START))?;
        let db_file = path.join("db");
        let file = File::options().read(true).write(true).open(&db_file).map_err(failed(&db_file))?;
        Ok(Open { db: db.clone(), frames, file })
    };
    let open = finish();
    if open.is_err()
        && let Err(failure) = let_go(db)
    {
        tracing::warn!(path = %path.display(), "closing the store: {failure:?}");
    }
    open
}

/// sled does not say which of its files it means.
fn damaged(path: &Path, why: &str) -> LogError {
    let mut why = format!("bytes in {} are not the ones that sled wrote ({why})", path.display());
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    if let Some(snapshot) = names.into_iter().find(|name| name.starts_with("snap.")) {
        why.push_str(&format!(
            "; if they are in {snapshot}, which sled makes anew, the log opens once that is moved away"
        ));
    }
    LogError::Damaged { after: Position::START, why }
}

/// Drops the last of sled, which syncs on its way out and panics if that fails.
fn let_go<T>(last: T) -> Result<(), Failure> {
    guarded(|| {
        drop(last);
        Ok(())
    })
}

/// sled writes a snapshot of its page table under a temporary name, which it takes for a finished one when it finds it after
/// a crash. A snapshot only makes opening faster.
fn remove_unfinished_snapshots(path: &Path) -> Result<(), LogError> {
    for entry in fs::read_dir(path).map_err(failed(path))? {
        let file = entry.map_err(failed(path))?.path();
        if file.extension().is_some_and(|extension| extension == "generating") {
            fs::remove_file(&file).map_err(failed(&file))?;
        }
    }
    Ok(())
}

fn check_no_blobs(path: &Path) -> Result<(), LogError> {
    if files::is_empty(&path.join("blobs"))? {
        return Ok(());
    }
    let why = format!("{} should be empty: values there are not synced", path.join("blobs").display());
    Err(LogError::Damaged { after: Position::START, why })
}
