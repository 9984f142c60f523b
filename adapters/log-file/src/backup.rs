use std::fs::{self, File, TryLockError};
use std::io::{self, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use quittance_core::frame::{Tip, decode};
use quittance_core::ids::{NodeId, Position};
use quittance_runtime::table::Entry;

use crate::beside::{self, BesideWriter};
use crate::entries::{self, Entries};
use crate::error::{FileError, failed};
use crate::files;
use crate::format::{self, LENGTH_BYTES, TRAILER_BYTES, Trailer};
use crate::reader::{End, LogFile};
use crate::writer::Writer;

const LOCK: &str = "lock";
const FRAMES: &str = "frames";
const TRAILER: &str = "trailer";

/// A backup, to be continued.
///
/// ```text
/// DIR/lock     held by the process that is at it
/// DIR/frames   header and frames, as in an export; only appended to
/// DIR/trailer  the trailer of the last run that finished; replaced whole
/// DIR/beside   entries of the node's tables, see [`BesideWriter`]; replaced whole, before the trailer
/// ```
///
/// What stands behind the trailer's position comes from a run that did not finish. Whole frames of it that follow are kept:
/// the log had acknowledged them. What is not whole is cut off before anything is appended.
#[derive(Debug)]
pub struct Backup {
    dir: PathBuf,
    _lock: File,
    found: Option<Found>,
    writer: Option<Writer>,
    /// The frame that the backup ended with has been seen in the log.
    met: bool,
}

/// What is kept of a backup, to be read.
#[derive(Debug)]
pub struct KeptBackup {
    _lock: Option<File>,
    found: Found,
    trailer: Trailer,
}

/// What a run that did not finish left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leftover {
    /// The position that the last finished run had reached; 0 if none has finished.
    pub vouched: Position,
    /// The last position of a whole frame.
    pub position: Position,
    /// Bytes behind that frame which are no frame.
    pub torn_bytes: u64,
}

impl Backup {
    /// Opens a backup, or begins one in a directory that is missing or empty, and checks the chain of what is there. No
    /// other process can be at it meanwhile.
    ///
    /// # Errors
    /// [`FileError::InUse`], [`FileError::NotABackup`], and [`FileError::Damaged`] for one that is shorter than its trailer
    /// says or whose frames do not verify up to there.
    pub fn open(dir: &Path) -> Result<Self, FileError> {
        if dir.exists() && !dir.is_dir() {
            return Err(not_a_backup(dir, "it is a file"));
        }
        files::create_dir(dir)?;
        if !dir.join(FRAMES).exists() && is_foreign(dir)? {
            return Err(not_a_backup(
                dir,
                "it has other files in it, and a backup goes into an empty directory",
            ));
        }
        let path = dir.join(LOCK);
        let options = File::options().read(true).write(true).create(true).truncate(false).open(&path);
        let lock = options.map_err(failed(&path))?;
        locked(dir, lock.try_lock())?;
        let frames = dir.join(FRAMES);
        let mut backup = Self { dir: dir.to_owned(), _lock: lock, found: None, writer: None, met: false };
        if !frames.exists() && !dir.join(TRAILER).exists() {
            return Ok(backup);
        }
        let found = Found::look(dir)?;
        let mut file = File::options().read(true).write(true).open(&frames).map_err(failed(&frames))?;
        file.set_len(found.bytes).map_err(failed(&frames))?;
        file.seek(SeekFrom::End(0)).map_err(failed(&frames))?;
        backup.writer = Some(Writer::new(&frames, file, found.node, found.tip, found.bytes));
        backup.found = Some(found);
        Ok(backup)
    }

    /// The end of its frames.
    #[must_use]
    pub fn tip(&self) -> Tip {
        self.writer.as_ref().map_or(Tip::EMPTY, Writer::tip)
    }

    /// What a run before this one left unfinished.
    #[must_use]
    pub fn leftover(&self) -> Option<Leftover> {
        self.found.as_ref().and_then(Found::leftover)
    }

    /// Says whose log comes, before the first frame does.
    ///
    /// # Errors
    /// The backup is another node's, or its file cannot be made.
    pub fn begin(&mut self, node: NodeId) -> Result<(), FileError> {
        if let Some(found) = &self.found {
            return check_node(&self.dir, found.node, node);
        }
        // Under its name only once its header is whole and durable.
        files::replace(&self.dir, FRAMES, &format::header(node))?;
        let path = self.dir.join(FRAMES);
        let file = File::options().append(true).open(&path).map_err(failed(&path))?;
        let bytes = format::HEADER_BYTES as u64;
        self.writer = Some(Writer::new(&path, file, node, Tip::EMPTY, bytes));
        self.found =
            Some(Found { dir: self.dir.clone(), node, trailer: None, tip: Tip::EMPTY, bytes, torn: 0 });
        Ok(())
    }

    /// Takes the log's next frame. The first one has to be the one that the backup ends with, if it has any: that shows that
    /// both have the same history. Whether the frame is new.
    ///
    /// # Errors
    /// [`FileError::OtherHistory`], [`FileError::NotNext`], or it cannot be written.
    pub fn take(&mut self, frame: &[u8]) -> Result<bool, FileError> {
        let tip = self.tip();
        if !self.met && tip != Tip::EMPTY {
            let first = decode(frame).map_err(|error| self.other_history(error))?;
            let last = first.records.last().map(|record| record.position).unwrap_or_default();
            if (last, first.hash) != (tip.position, tip.hash) {
                return Err(self.other_history(format!("its frame ends at position {last}: {}", first.hash)));
            }
            self.met = true;
            return Ok(false);
        }
        let Some(writer) = &mut self.writer else {
            return Err(not_a_backup(&self.dir, "nobody said whose log it is"));
        };
        writer.append(frame)?;
        self.met = true;
        Ok(true)
    }

    /// Makes durable what was taken, and gives it to be read back.
    ///
    /// # Errors
    /// The log did not reach as far as the backup, or it cannot be written.
    pub fn taken(&mut self) -> Result<LogFile, FileError> {
        if !self.met {
            return Err(self.other_history("the log ends before it"));
        }
        match &mut self.writer {
            Some(writer) => writer.written(),
            None => Err(not_a_backup(&self.dir, "nobody said whose log it is")),
        }
    }

    /// Begins to write down what stands beside the log, in place of what the run before wrote.
    ///
    /// # Errors
    /// Nobody said whose log it is, or the file cannot be made.
    pub fn beside(&self) -> Result<BesideWriter, FileError> {
        match &self.found {
            Some(found) => BesideWriter::begin(&self.dir, found.node),
            None => Err(not_a_backup(&self.dir, "nobody said whose log it is")),
        }
    }

    /// Vouches for everything up to `trailer`, which ends a backup's run.
    ///
    /// # Errors
    /// It cannot be written, or is not where the frames end.
    ///
    /// # Durability
    /// When this returns, the backup survives a power cut up to here; until then, up to where the run before it came.
    pub fn vouch(self, trailer: &Trailer) -> Result<(), FileError> {
        let (Some(found), tip) = (&self.found, self.tip()) else {
            return Err(not_a_backup(&self.dir, "nobody said whose log it is"));
        };
        if !trailer.is_at(&tip) {
            let why = format!("the trailer says position {}", trailer.position());
            return Err(damaged(&self.dir.join(FRAMES), tip.position, &why));
        }
        files::replace(&self.dir, TRAILER, &trailer.encode(found.node))
    }

    fn other_history(&self, why: impl ToString) -> FileError {
        let (path, position) = (self.dir.display().to_string(), self.tip().position);
        FileError::OtherHistory { path, position, why: why.to_string() }
    }
}

impl KeptBackup {
    /// Opens a backup to read it: everything that is whole, at least as far as the last finished run came. Nothing is
    /// written. No other process can continue it meanwhile.
    ///
    /// # Errors
    /// As [`Backup::open`]; also for a directory where no run has ever finished, of which nothing says how much is missing.
    pub fn open(dir: &Path) -> Result<Self, FileError> {
        if !dir.join(FRAMES).exists() && !dir.join(TRAILER).exists() {
            return Err(not_a_backup(dir, "there is no frames file in it"));
        }
        let path = dir.join(LOCK);
        let lock = match File::open(&path) {
            Ok(lock) => {
                locked(dir, lock.try_lock_shared())?;
                Some(lock)
            }
            // A copy of a backup needs no lock file: nobody continues it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(failed(&path)(error)),
        };
        let found = Found::look(dir)?;
        let Some(trailer) = found.trailer else {
            let why = format!(
                "no run has finished, so nothing says how far the log went; whole frames reach position {}",
                found.tip.position
            );
            return Err(damaged(&dir.join(TRAILER), Position::START, &why));
        };
        Ok(Self { _lock: lock, found, trailer })
    }

    /// Whose log it is.
    #[must_use]
    pub fn node(&self) -> NodeId {
        self.found.node
    }

    /// Where the last finished run came.
    #[must_use]
    pub fn trailer(&self) -> &Trailer {
        &self.trailer
    }

    /// What a later run left unfinished.
    #[must_use]
    pub fn leftover(&self) -> Option<Leftover> {
        self.found.leftover()
    }

    /// Its frames.
    #[must_use]
    pub fn file(&self) -> LogFile {
        self.found.file()
    }

    /// Gives `visit` each entry of what stood beside the log, in order of key, once all of them are checked. How many there are;
    /// `None` for a backup of a version that wrote none.
    ///
    /// # Errors
    /// The file is damaged or cannot be read, or `visit` fails.
    pub fn beside<E: From<FileError>>(
        &self,
        visit: impl FnMut(&Entry) -> Result<(), E>,
    ) -> Result<Option<u64>, E> {
        beside::visit(&self.found.dir, self.found.node, visit)
    }
}

/// What is in a backup's directory.
#[derive(Debug)]
struct Found {
    dir: PathBuf,
    node: NodeId,
    trailer: Option<Trailer>,
    /// The end of the whole frames that follow each other,
    tip: Tip,
    /// and where they end in the file.
    bytes: u64,
    /// Bytes behind them.
    torn: u64,
}

impl Found {
    fn look(dir: &Path) -> Result<Self, FileError> {
        let path = dir.join(FRAMES);
        if !path.exists() {
            return Err(damaged(&path, Position::START, "the file is gone"));
        }
        let mut entries = Entries::open(&path)?;
        let node = entries.node();
        let trailer = read_trailer(&dir.join(TRAILER), node)?;
        let vouched = trailer.as_ref().map_or(Position::START, Trailer::position);
        let mut passed = trailer.is_none();
        loop {
            match entries.next() {
                Ok(entries::Entry::Frame(_)) => {
                    passed |= trailer.as_ref().is_some_and(|trailer| trailer.is_at(&entries.tip()));
                }
                // A run never writes a trailer here. Behind the vouched frames it is as torn as anything else.
                Ok(entries::Entry::Trailer(_) | entries::Entry::End) if passed => break,
                Ok(entries::Entry::Trailer(_) | entries::Entry::End) => {
                    let why = format!("frames are missing: the trailer says position {vouched}");
                    return Err(entries.damaged(why));
                }
                Err(FileError::Damaged { .. }) if passed => break,
                Err(error) => return Err(error),
            }
        }
        let (tip, bytes) = (entries.tip(), entries.frames_end());
        let length = fs::metadata(&path).map_err(failed(&path))?.len();
        Ok(Self { dir: dir.to_owned(), node, trailer, tip, bytes, torn: length.saturating_sub(bytes) })
    }

    fn leftover(&self) -> Option<Leftover> {
        let vouched = self.trailer.as_ref().map_or(Position::START, Trailer::position);
        let Self { tip, torn, .. } = self;
        let any = tip.position > vouched || *torn > 0;
        any.then_some(Leftover { vouched, position: tip.position, torn_bytes: *torn })
    }

    fn file(&self) -> LogFile {
        LogFile::new(&self.dir.join(FRAMES), self.node, End::FramesAt(self.bytes))
    }
}

fn read_trailer(path: &Path, node: NodeId) -> Result<Option<Trailer>, FileError> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(path)(error)),
    };
    let wrong = |why: &str| damaged(path, Position::START, why);
    let body = bytes.strip_prefix(&format::NO_FRAME.to_le_bytes()[..]).unwrap_or_default();
    let body = body.try_into().map_err(|_| {
        wrong(&format!("it should have {} bytes, it has {}", LENGTH_BYTES + TRAILER_BYTES, bytes.len()))
    })?;
    Trailer::decode(body, node).map(Some).map_err(|why| wrong(&why))
}

/// Whether a directory has anything in it that no backup leaves there.
fn is_foreign(dir: &Path) -> Result<bool, FileError> {
    for entry in fs::read_dir(dir).map_err(failed(dir))? {
        let name = entry.map_err(failed(dir))?.file_name();
        let unfinished = |file: &&str| name == *format!("{file}.new");
        let known = [LOCK, TRAILER].iter().any(|file| name == **file)
            || [FRAMES, TRAILER, beside::NAME].iter().any(unfinished);
        if !known {
            return Ok(true);
        }
    }
    Ok(false)
}

fn check_node(dir: &Path, found: NodeId, expected: NodeId) -> Result<(), FileError> {
    let path = dir.display().to_string();
    if found == expected { Ok(()) } else { Err(FileError::OtherNode { path, expected, found }) }
}

fn locked(dir: &Path, result: Result<(), TryLockError>) -> Result<(), FileError> {
    result.map_err(|error| match error {
        TryLockError::WouldBlock => FileError::InUse { path: dir.display().to_string() },
        TryLockError::Error(error) => failed(&dir.join(LOCK))(error),
    })
}

fn damaged(path: &Path, after: Position, why: &str) -> FileError {
    FileError::Damaged { path: path.display().to_string(), after, why: why.to_owned() }
}

fn not_a_backup(dir: &Path, why: &str) -> FileError {
    FileError::NotABackup { path: dir.display().to_string(), why: why.to_owned() }
}
