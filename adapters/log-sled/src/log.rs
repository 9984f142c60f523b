use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use quittance_core::event::Event;
use quittance_core::frame::{EncodedFrame, Frame, MAX_FRAME_BYTES, Tip, decode};
use quittance_core::ids::{NodeId, Position};
use quittance_runtime::log::{AppendError, EventLog, LogError, LogReader, Room, check_follow};
use tempfile::TempDir;

use crate::files::{self, failed};
use crate::place;
use crate::reader::SledReader;
use crate::reserve::Reserve;
use crate::salvage::Remains;
use crate::store::Store;
use crate::table::SledTable;
use crate::tip::{self, StoredTip};

/// The tip file is replaced after this many frames at the latest,
const TIP_EVERY_FRAMES: usize = 1024;
/// or with the first append after this long. Nothing is lost between: the log is only checked to reach a little less far.
const TIP_EVERY: Duration = Duration::from_secs(1);

/// Frames looked at together when the end of the log is checked.
const BATCH: usize = 32;

/// The embedded event log.
///
/// # Durability
/// An append that returned `Ok` survives a power cut. See the crate's documentation for how, and [`SledLog::open`] for what
/// is checked.
#[derive(Debug)]
pub struct SledLog {
    store: Arc<Store>,
    dir: PathBuf,
    tip: Tip,
    saved: StoredTip,
    saved_at: Instant,
    frames_since: usize,
    access: Access,
    reserve: Reserve,
    /// Why no more appends are taken.
    failed: Option<String>,
}

#[derive(Debug)]
enum Access {
    /// The lock is held as long as this lives.
    Write { _lock: File },
    /// A private copy, removed with this.
    Read { _copy: TempDir },
}

impl SledLog {
    /// Opens the log in `dir`.
    ///
    /// With a node, for that node to append to: a directory that is missing or empty becomes a new log of that node. No
    /// other process can open it meanwhile.
    ///
    /// Without a node, to look at a log that is there, as `verify` and `dump` do: nothing is written in `dir` and appends are
    /// refused. sled repairs what it opens, so this works on a copy in the system's temporary directory (`TMPDIR`), which
    /// needs room for it; `dir` is locked only while it is copied, and synced before: what is read is durable.
    ///
    /// Checked here: that `blobs/` is empty, that the log reaches the tip file's position with its hash, that every frame
    /// from there on verifies, follows and lies under its own key, and that the first one is of the tip file's node. What is
    /// before that is checked by whoever replays the log.
    ///
    /// # Errors
    /// [`LogError::InUse`], [`LogError::Lost`] for a log that is shorter than acknowledged, emptied or gone,
    /// [`LogError::OtherNode`], [`LogError::Damaged`] also for a tip file that is damaged or missing beside a log (a new log
    /// has its tip file before anything else, so somebody has removed it), and [`LogError::Store`].
    pub fn open(dir: impl AsRef<Path>, node: Option<NodeId>) -> Result<Self, LogError> {
        match node {
            Some(node) => Self::open_to_append(dir.as_ref(), node),
            None => Self::open_to_read(dir.as_ref()),
        }
    }

    /// Whose log it is.
    #[must_use]
    pub fn node(&self) -> NodeId {
        self.saved.node
    }

    /// A table of secondary data in the same store; the same name gives the same table.
    #[must_use]
    pub fn table(&self, name: &str) -> SledTable {
        SledTable::new(Arc::clone(&self.store), self.reserve.clone(), name)
    }

    /// The disk space that the log leaves free: [`Reserve::DEFAULT_BYTES`] unless it is set to something else.
    #[must_use]
    pub fn reserve(&self) -> Reserve {
        self.reserve.clone()
    }

    fn open_to_append(dir: &Path, node: NodeId) -> Result<Self, LogError> {
        files::create_dir(dir)?;
        let lock = place::lock_to_append(dir)?;
        let path = dir.join("log");
        let saved = match StoredTip::load(dir)? {
            Some(saved) if saved.node != node => {
                return Err(LogError::OtherNode { expected: node, found: saved.node });
            }
            Some(saved) => saved,
            None if !files::is_empty(&path)? => return Err(missing_tip(dir)),
            None => {
                let new = StoredTip { tip: Tip::EMPTY, node };
                new.save(dir)?;
                new
            }
        };
        if files::is_empty(&path)? {
            if saved.tip != Tip::EMPTY {
                return Err(lost(&saved, Position::START));
            }
            Store::create(&path)?;
        }
        let remains = remains(dir, &saved)?;
        let store = Store::open(&path)?;
        let tip = remains.restore(&store, &saved.tip, check_end(&store, &saved)?)?;
        place::mark_running(dir)?;
        let mut log = Self::new(store, dir, tip, saved, Access::Write { _lock: lock });
        log.save_tip()?;
        Ok(log)
    }

    fn open_to_read(dir: &Path) -> Result<Self, LogError> {
        let path = dir.join("log");
        let lock = place::lock_to_read(dir)?;
        let saved = match StoredTip::load(dir)? {
            Some(saved) if !files::is_empty(&path)? => saved,
            Some(saved) if saved.tip != Tip::EMPTY => return Err(lost(&saved, Position::START)),
            None if !files::is_empty(&path)? => return Err(missing_tip(dir)),
            _ => {
                let why = "there is no log here".to_owned();
                return Err(LogError::Store { path: dir.display().to_string(), why });
            }
        };
        // A node that was killed may have written what is not durable yet, and only what is durable counts.
        files::sync_tree_read_only(&path)?;
        let copy = TempDir::with_prefix("quittance-").map_err(failed(&std::env::temp_dir()))?;
        let remains = remains(dir, &saved)?;
        files::copy_tree(&path, copy.path())?;
        drop(lock);
        let store = Store::open(copy.path()).map_err(|error| match error {
            // What is damaged was so before it was copied.
            LogError::Damaged { after, why } => {
                let (copied, path) = (copy.path().display().to_string(), path.display().to_string());
                LogError::Damaged { after, why: why.replace(&copied, &path) }
            }
            other => other,
        })?;
        let tip = remains.restore(&store, &saved.tip, check_end(&store, &saved)?)?;
        Ok(Self::new(store, dir, tip, saved, Access::Read { _copy: copy }))
    }

    fn new(store: Store, dir: &Path, tip: Tip, saved: StoredTip, access: Access) -> Self {
        Self {
            store: Arc::new(store),
            dir: dir.to_owned(),
            tip,
            saved,
            saved_at: Instant::now(),
            frames_since: 0,
            access,
            reserve: Reserve::new(dir),
            failed: None,
        }
    }

    fn try_append(&mut self, frames: &[EncodedFrame]) -> Result<(), AppendError> {
        if matches!(self.access, Access::Read { .. }) {
            return Err(AppendError::Unknown("the log is open for reading only".to_owned()));
        }
        let tip = check_follow(&self.tip, frames)?;
        if let Some(large) = frames.iter().find(|frame| frame.bytes.len() > MAX_FRAME_BYTES) {
            return Err(AppendError::Unknown(format!(
                "the frame at position {} has {} bytes, at most {MAX_FRAME_BYTES} can be kept",
                large.first,
                large.bytes.len()
            )));
        }
        let bytes = frames.iter().map(|frame| frame.bytes.len() as u64).sum();
        self.reserve.check_append(bytes)?;
        self.store.append(frames)?;
        self.tip = tip;
        self.frames_since += frames.len();
        // The first frames are never acknowledged under a tip file that says "nothing yet".
        let due = self.saved.tip.position == Position::START
            || self.frames_since >= TIP_EVERY_FRAMES
            || self.saved_at.elapsed() >= TIP_EVERY;
        if due && let Err(error) = self.save_tip() {
            if self.saved.tip.position == Position::START {
                return Err(AppendError::Unknown(error.to_string()));
            }
            // The frames are durable; the next append tries again.
            tracing::warn!(%error, "the tip file was not replaced");
        }
        Ok(())
    }

    fn save_tip(&mut self) -> Result<(), LogError> {
        let stored = StoredTip { tip: self.tip, ..self.saved };
        if stored != self.saved {
            stored.save(&self.dir)?;
        }
        self.saved = stored;
        self.saved_at = Instant::now();
        self.frames_since = 0;
        Ok(())
    }
}

impl EventLog for SledLog {
    fn tip(&self) -> Tip {
        self.tip
    }

    fn append(&mut self, frames: &[EncodedFrame]) -> Result<(), AppendError> {
        if let Some(why) = &self.failed {
            let why = format!("an earlier append failed and the log must be opened again: {why}");
            return Err(AppendError::Unknown(why));
        }
        let result = self.try_append(frames);
        if let Err(error) = &result
            && !matches!(error, AppendError::NotNext { .. } | AppendError::Full(_))
        {
            self.failed = Some(error.to_string());
        }
        result
    }

    fn reader(&self) -> Arc<dyn LogReader> {
        Arc::new(SledReader(Arc::clone(&self.store)))
    }

    fn room(&self) -> Arc<dyn Room> {
        Arc::new(self.reserve.clone())
    }

    fn close(mut self: Box<Self>) -> Result<(), LogError> {
        if self.failed.is_some() || matches!(self.access, Access::Read { .. }) {
            return Ok(());
        }
        self.store.sync().map_err(|failure| self.store.failure(self.tip.position, failure))?;
        self.save_tip()?;
        place::mark_closed(&self.dir)
    }
}

impl Drop for SledLog {
    fn drop(&mut self) {
        // Readers and tables share the store; the lock must not go before it.
        self.store.close();
    }
}

/// What a process left that did not close the log; nothing of one that did.
fn remains(dir: &Path, saved: &StoredTip) -> Result<Remains, LogError> {
    let db = dir.join("log/db");
    // Without the file the log is lost, which is found out by looking for its end.
    if !place::was_running(dir) || !db.exists() {
        return Ok(Remains::default());
    }
    Remains::find(&db, &saved.tip)
}

fn missing_tip(dir: &Path) -> LogError {
    let tip = dir.join(tip::NAME);
    let why = format!("{} is missing, so nothing says how far the log was acknowledged", tip.display());
    LogError::Damaged { after: Position::START, why }
}

fn lost(saved: &StoredTip, found: Position) -> LogError {
    LogError::Lost { acknowledged: saved.tip.position, hash: saved.tip.hash, found }
}

/// The end of the log, which must reach the tip file and be sound from there.
fn check_end(store: &Store, saved: &StoredTip) -> Result<Tip, LogError> {
    let acknowledged = saved.tip.position;
    let mut tip = Tip::EMPTY;
    if acknowledged > Position::START {
        let found = read(store, acknowledged)?;
        let Some((first, frame)) = found else { return Err(lost(saved, Position::START)) };
        let end = frame.records.last().map_or(first, |last| last.position);
        if end != acknowledged || frame.hash != saved.tip.hash || frame.epoch != saved.tip.epoch {
            return Err(lost(saved, end));
        }
        tip = saved.tip;
    }
    loop {
        let frames = store.frames(tip.position.next(), BATCH).map_err(|e| store.failure(tip.position, e))?;
        if frames.is_empty() {
            break;
        }
        for (key, bytes) in frames {
            let (_, next) = tip.follow(&bytes).map_err(|error| LogError::damaged(tip.position, &error))?;
            check_key(key, tip.position.next())?;
            tip = next;
        }
    }
    if tip.position > Position::START {
        check_node(store, saved.node)?;
    }
    Ok(tip)
}

fn check_node(store: &Store, node: NodeId) -> Result<(), LogError> {
    let first = read(store, Position(1))?;
    let Some((_, frame)) = first else {
        let why = "the first frame is missing".to_owned();
        return Err(LogError::Damaged { after: Position::START, why });
    };
    match frame.records.first().map(|record| &record.event) {
        Some(Event::NodeInitialized { node: found, .. }) if *found != node => {
            Err(LogError::OtherNode { expected: node, found: *found })
        }
        _ => Ok(()),
    }
}

/// The frame with the greatest key that is at most `at`. The key must be the frame's first position.
fn read(store: &Store, at: Position) -> Result<Option<(Position, Frame)>, LogError> {
    let before = Position(at.0.saturating_sub(1));
    let stored = store.frame_at_or_before(at).map_err(|failure| store.failure(before, failure))?;
    let Some((key, bytes)) = stored else { return Ok(None) };
    let frame =
        decode(&bytes).map_err(|error| LogError::damaged(Position(key.0.saturating_sub(1)), &error))?;
    check_key(key, frame.records.first().map_or(Position::START, |record| record.position))?;
    Ok(Some((key, frame)))
}

fn check_key(key: Position, first: Position) -> Result<(), LogError> {
    if key == first {
        return Ok(());
    }
    let why = format!("the frame stored under position {key} begins at position {first}");
    Err(LogError::Damaged { after: Position(key.0.saturating_sub(1)), why })
}
