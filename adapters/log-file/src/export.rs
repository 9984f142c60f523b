use std::path::{Path, PathBuf};

use quittance_core::frame::Tip;
use quittance_core::ids::NodeId;
use tempfile::NamedTempFile;

use crate::error::{FileError, failed};
use crate::files::{parent, sync};
use crate::format::{self, HEADER_BYTES, Trailer};
use crate::reader::LogFile;
use crate::writer::Writer;

/// A portable file in the making, under a name of its own until it is finished. Dropping it removes what there is.
///
/// The file can be read by its owner alone: it holds everything that was ever paid.
#[derive(Debug)]
pub struct Export {
    path: PathBuf,
    unfinished: NamedTempFile,
    writer: Writer,
    node: NodeId,
}

impl Export {
    /// Begins a file.
    ///
    /// # Errors
    /// [`FileError::Exists`], or the directory cannot be written.
    pub fn create(path: &Path, node: NodeId) -> Result<Self, FileError> {
        if path.symlink_metadata().is_ok() {
            return Err(exists(path));
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let unfinished = tempfile::Builder::new()
            .prefix(&format!("{name}.unfinished-"))
            .tempfile_in(parent(path))
            .map_err(failed(path))?;
        let file = unfinished.reopen().map_err(failed(unfinished.path()))?;
        let mut writer = Writer::new(unfinished.path(), file, node, Tip::EMPTY, HEADER_BYTES as u64);
        writer.write(&format::header(node))?;
        Ok(Self { path: path.to_owned(), unfinished, writer, node })
    }

    /// The end of the frames so far.
    #[must_use]
    pub fn tip(&self) -> Tip {
        self.writer.tip()
    }

    /// Appends the next frame, after checking that it is.
    ///
    /// # Errors
    /// [`FileError::NotNext`], or it cannot be written.
    pub fn append(&mut self, frame: &[u8]) -> Result<(), FileError> {
        self.writer.append(frame)
    }

    /// What was written so far, to be read back.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn written(&mut self) -> Result<LogFile, FileError> {
        self.writer.written()
    }

    /// Writes the trailer and gives the file its name.
    ///
    /// # Errors
    /// [`FileError::Exists`] if somebody else made one meanwhile, or it cannot be written.
    ///
    /// # Durability
    /// When this returns, the file survives a power cut. Before that there is no file of its name.
    pub fn finish(mut self, trailer: &Trailer) -> Result<(), FileError> {
        self.writer.write(&trailer.encode(self.node))?;
        self.writer.sync()?;
        self.unfinished.persist_noclobber(&self.path).map_err(|error| match error.error.kind() {
            std::io::ErrorKind::AlreadyExists => exists(&self.path),
            _ => failed(&self.path)(error.error),
        })?;
        sync(parent(&self.path))
    }
}

fn exists(path: &Path) -> FileError {
    FileError::Exists { path: path.display().to_string() }
}
