use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use quittance_core::event::Event;
use quittance_core::frame::{Frame, MAX_FRAME_BYTES, Tip};
use quittance_core::ids::NodeId;

use crate::error::{FileError, failed};
use crate::format::{self, HEADER_BYTES, LENGTH_BYTES, NO_FRAME, TRAILER_BYTES, Trailer};

/// Reads a file from its beginning, one entry after the other, and checks the chain on the way.
#[derive(Debug)]
pub(crate) struct Entries {
    path: PathBuf,
    input: BufReader<File>,
    node: NodeId,
    tip: Tip,
    /// Where the last frame that was read ends in the file.
    frames_end: u64,
}

#[derive(Debug)]
pub(crate) enum Entry {
    /// The next frame, as it is stored.
    Frame(Vec<u8>),
    Trailer(Trailer),
    /// Nothing comes any more.
    End,
}

impl Entries {
    /// Opens a file and reads its header.
    pub(crate) fn open(path: &Path) -> Result<Self, FileError> {
        let not_a_log = |why| FileError::NotALog { path: path.display().to_string(), why };
        if !path.exists() {
            return Err(not_a_log("there is no such file".to_owned()));
        }
        if path.is_dir() {
            return Err(not_a_log("it is a directory".to_owned()));
        }
        let mut input = BufReader::new(File::open(path).map_err(failed(path))?);
        let mut header = [0; HEADER_BYTES];
        let found = read(&mut input, &mut header).map_err(failed(path))?;
        if found != HEADER_BYTES {
            return Err(not_a_log(format!("it ends after {found} bytes, within the header")));
        }
        let node = format::node(&header).map_err(not_a_log)?;
        Ok(Self { path: path.to_owned(), input, node, tip: Tip::EMPTY, frames_end: HEADER_BYTES as u64 })
    }

    pub(crate) fn node(&self) -> NodeId {
        self.node
    }

    /// The end of the frames so far.
    pub(crate) fn tip(&self) -> Tip {
        self.tip
    }

    /// Where the frames so far end in the file.
    pub(crate) fn frames_end(&self) -> u64 {
        self.frames_end
    }

    /// The next entry. After an error there is none.
    pub(crate) fn next(&mut self) -> Result<Entry, FileError> {
        let mut length = [0; LENGTH_BYTES];
        match self.read(&mut length)? {
            0 => return Ok(Entry::End),
            LENGTH_BYTES => {}
            _ => return Err(self.damaged("the file ends within the length of a frame")),
        }
        let length = u32::from_le_bytes(length);
        if length == NO_FRAME {
            return self.trailer().map(Entry::Trailer);
        }
        let length = length as usize;
        if length > MAX_FRAME_BYTES {
            let why = format!("a frame of {length} bytes is announced, the longest has {MAX_FRAME_BYTES}");
            return Err(self.damaged(why));
        }
        let mut bytes = vec![0; length];
        let found = self.read(&mut bytes)?;
        if found != length {
            return Err(
                self.damaged(format!("the file ends within a frame, after {found} of {length} bytes"))
            );
        }
        let (frame, tip) = self.tip.follow(&bytes).map_err(|error| self.damaged(error))?;
        if self.tip == Tip::EMPTY {
            check_node(&frame, self.node).map_err(|why| self.damaged(why))?;
        }
        self.tip = tip;
        self.frames_end += (LENGTH_BYTES + length) as u64;
        Ok(Entry::Frame(bytes))
    }

    /// Something that is not as it was written.
    pub(crate) fn damaged(&self, why: impl ToString) -> FileError {
        let (path, after) = (self.path.display().to_string(), self.tip.position);
        FileError::Damaged { path, after, why: why.to_string() }
    }

    fn trailer(&mut self) -> Result<Trailer, FileError> {
        let mut bytes = [0; TRAILER_BYTES];
        let found = self.read(&mut bytes)?;
        if found != TRAILER_BYTES {
            return Err(self.damaged("the file ends within its trailer"));
        }
        let trailer = Trailer::decode(&bytes, self.node).map_err(|why| self.damaged(why))?;
        if !trailer.is_at(&self.tip) {
            let said = trailer.position();
            return Err(self.damaged(format!("frames are missing: the trailer says position {said}")));
        }
        if self.read(&mut [0])? > 0 {
            return Err(self.damaged("something follows the trailer"));
        }
        Ok(trailer)
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, FileError> {
        read(&mut self.input, buffer).map_err(failed(&self.path))
    }
}

/// Whether a log's first frame is of the node that is named for it.
pub(crate) fn check_node(first: &Frame, node: NodeId) -> Result<(), String> {
    match first.records.first().map(|record| &record.event) {
        Some(Event::NodeInitialized { node: found, .. }) if *found == node => Ok(()),
        Some(Event::NodeInitialized { node: found, .. }) => {
            Err(format!("the header names node {node}, the first record names {found}"))
        }
        _ => Err("the first record does not begin a log".to_owned()),
    }
}

/// Fills the buffer as far as the input goes.
fn read(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match input.read(rest) {
            Ok(0) => break,
            Ok(more) => filled += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
