use std::path::{Path, PathBuf};

use quittance_core::ids::{NodeId, Position};
use quittance_runtime::log::{FrameBytes, LogReader};

use crate::entries::{Entries, Entry};
use crate::error::FileError;
use crate::format::Trailer;

/// A log in a file, to be read.
///
/// Reading always begins with the first frame, whichever is asked for: the chain is checked up to every frame that comes
/// out. Behind the last frame the end is checked as well, so whoever reads to the end has seen a whole log or an error.
#[derive(Clone, Debug)]
pub struct LogFile {
    path: PathBuf,
    node: NodeId,
    end: End,
}

/// What has to stand behind the last frame.
#[derive(Clone, Copy, Debug)]
pub(crate) enum End {
    /// A trailer that fits, and nothing else.
    Trailer,
    /// Whatever there is: the frames end with this byte.
    FramesAt(u64),
}

impl LogFile {
    /// Opens an export. Only its header is read.
    ///
    /// # Errors
    /// It is not there, or something else.
    pub fn open(path: &Path) -> Result<Self, FileError> {
        let node = Entries::open(path)?.node();
        Ok(Self::new(path, node, End::Trailer))
    }

    pub(crate) fn new(path: &Path, node: NodeId, end: End) -> Self {
        Self { path: path.to_owned(), node, end }
    }

    /// Whose log it is.
    #[must_use]
    pub fn node(&self) -> NodeId {
        self.node
    }

    /// Reads the whole file: the trailer of an export that is whole.
    ///
    /// # Errors
    /// [`FileError::Damaged`] names the last position that is sound.
    pub fn trailer(&self) -> Result<Trailer, FileError> {
        let mut entries = Entries::open(&self.path)?;
        loop {
            match entries.next()? {
                Entry::Frame(_) => {}
                Entry::Trailer(trailer) => return Ok(trailer),
                Entry::End => return Err(no_trailer(&entries)),
            }
        }
    }
}

impl LogReader for LogFile {
    fn frames(&self, from: Position) -> FrameBytes {
        Box::new(Frames { file: self.clone(), from, state: Some(None) })
    }
}

struct Frames {
    file: LogFile,
    from: Position,
    /// The open file, if it is open yet; gone at the end.
    state: Option<Option<Entries>>,
}

impl Frames {
    fn fetch(&mut self) -> Result<Option<Vec<u8>>, FileError> {
        let Some(open) = self.state.take() else { return Ok(None) };
        let mut entries = match open {
            Some(entries) => entries,
            None => Entries::open(&self.file.path)?,
        };
        loop {
            if matches!(self.file.end, End::FramesAt(end) if entries.frames_end() >= end) {
                return Ok(None);
            }
            match (entries.next()?, self.file.end) {
                (Entry::Frame(_), _) if entries.tip().position < self.from => {}
                (Entry::Frame(bytes), _) => {
                    self.state = Some(Some(entries));
                    return Ok(Some(bytes));
                }
                (Entry::Trailer(_), End::Trailer) => return Ok(None),
                (Entry::End, End::Trailer) => return Err(no_trailer(&entries)),
                (Entry::Trailer(_) | Entry::End, End::FramesAt(_)) => {
                    return Err(entries.damaged("frames that were there are gone"));
                }
            }
        }
    }
}

impl Iterator for Frames {
    type Item = Result<Vec<u8>, quittance_runtime::log::LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.fetch().map_err(Into::into).transpose()
    }
}

fn no_trailer(entries: &Entries) -> FileError {
    entries.damaged("the file ends without a trailer")
}
