//! Files and directories that are still there after a power cut.

use std::fs::{self, File};
use std::path::Path;

use crate::error::{FileError, failed};

/// Creates a directory and those above it, if they are not there.
pub(crate) fn create_dir(path: &Path) -> Result<(), FileError> {
    if path.is_dir() {
        return Ok(());
    }
    create_dir(parent(path))?;
    fs::create_dir(path).map_err(failed(path))?;
    sync(parent(path))
}

/// Writes a file whole or not at all, beside the one it replaces.
pub(crate) fn replace(dir: &Path, name: &str, bytes: &[u8]) -> Result<(), FileError> {
    let (path, unfinished) = (dir.join(name), dir.join(format!("{name}.new")));
    fs::write(&unfinished, bytes).map_err(failed(&unfinished))?;
    rename(&unfinished, &path)
}

/// Gives a file the name, and the place, of another one in its directory, once all of it is durable.
pub(crate) fn rename(unfinished: &Path, path: &Path) -> Result<(), FileError> {
    sync(unfinished)?;
    fs::rename(unfinished, path).map_err(failed(path))?;
    sync(parent(path))
}

/// Syncs a file or a directory, that is the names in it.
pub(crate) fn sync(path: &Path) -> Result<(), FileError> {
    File::open(path).and_then(|file| file.sync_all()).map_err(failed(path))
}

/// The directory that a path is in.
pub(crate) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => Path::new("/"),
    }
}
