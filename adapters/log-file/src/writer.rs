use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use quittance_core::frame::{MAX_FRAME_BYTES, Tip};
use quittance_core::ids::NodeId;

use crate::entries::check_node;
use crate::error::{FileError, failed};
use crate::format::LENGTH_BYTES;
use crate::reader::{End, LogFile};

/// Appends frames to a file that has its header.
#[derive(Debug)]
pub(crate) struct Writer {
    path: PathBuf,
    output: BufWriter<File>,
    node: NodeId,
    tip: Tip,
    /// Where its frames end in the file.
    frames_end: u64,
}

impl Writer {
    /// A writer at the end of `file`, where the frames end with `tip` at the byte `frames_end`.
    pub(crate) fn new(path: &Path, file: File, node: NodeId, tip: Tip, frames_end: u64) -> Self {
        Self { path: path.to_owned(), output: BufWriter::new(file), node, tip, frames_end }
    }

    pub(crate) fn tip(&self) -> Tip {
        self.tip
    }

    /// Appends a frame if it is whole and follows. Nothing is written otherwise.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        let not_next = |why| FileError::NotNext { after: self.tip.position, why };
        let (frame, tip) = self.tip.follow(bytes).map_err(|error| not_next(error.to_string()))?;
        let length = u32::try_from(bytes.len()).ok().filter(|_| bytes.len() <= MAX_FRAME_BYTES);
        let length = length.ok_or_else(|| not_next(format!("it has {} bytes", bytes.len())))?;
        if self.tip == Tip::EMPTY {
            check_node(&frame, self.node).map_err(not_next)?;
        }
        self.write(&length.to_le_bytes())?;
        self.write(bytes)?;
        self.tip = tip;
        self.frames_end += (LENGTH_BYTES + bytes.len()) as u64;
        Ok(())
    }

    /// What was written so far, durable and to be read back.
    pub(crate) fn written(&mut self) -> Result<LogFile, FileError> {
        self.sync()?;
        Ok(LogFile::new(&self.path, self.node, End::FramesAt(self.frames_end)))
    }

    /// Appends what is no frame.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        self.output.write_all(bytes).map_err(failed(&self.path))
    }

    /// Makes durable everything appended before.
    pub(crate) fn sync(&mut self) -> Result<(), FileError> {
        let synced: io::Result<()> = self.output.flush().and_then(|()| self.output.get_ref().sync_all());
        synced.map_err(failed(&self.path))
    }
}
