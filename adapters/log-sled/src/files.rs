//! Files and directories that are still there after a power cut.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use quittance_runtime::log::LogError;

/// An error of the file system as the log's error.
pub(crate) fn failed(path: &Path) -> impl FnOnce(io::Error) -> LogError {
    |error| LogError::Store { path: path.display().to_string(), why: error.to_string() }
}

/// Creates a directory and those above it, if they are not there, so that they are still there after a power cut.
///
/// # Errors
/// The file system does not allow it.
pub fn create_dir(path: &Path) -> Result<(), LogError> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => Path::new("/"),
    };
    create_dir(parent)?;
    fs::create_dir(path).map_err(failed(path))?;
    sync(parent)
}

/// Writes a file whole or not at all, beside the one it replaces.
pub(crate) fn replace(dir: &Path, name: &str, bytes: &[u8]) -> Result<(), LogError> {
    let (path, unfinished) = (dir.join(name), dir.join(format!("{name}.new")));
    fs::write(&unfinished, bytes).map_err(failed(&unfinished))?;
    sync(&unfinished)?;
    fs::rename(&unfinished, &path).map_err(failed(&path))?;
    sync(dir)
}

/// Syncs a file or a directory, that is the names in it.
pub(crate) fn sync(path: &Path) -> Result<(), LogError> {
    File::open(path).and_then(|file| file.sync_all()).map_err(failed(path))
}

/// Syncs a directory with everything in it.
pub(crate) fn sync_tree(dir: &Path) -> Result<(), LogError> {
    for entry in fs::read_dir(dir).map_err(failed(dir))? {
        let path = entry.map_err(failed(dir))?.path();
        if path.is_dir() { sync_tree(&path)? } else { sync(&path)? }
    }
    sync(dir)
}

/// Syncs a directory that is only read. A medium that cannot be written has nothing unsynced, and may not know how to sync.
pub(crate) fn sync_tree_read_only(dir: &Path) -> Result<(), LogError> {
    for entry in fs::read_dir(dir).map_err(failed(dir))? {
        let path = entry.map_err(failed(dir))?.path();
        if path.is_dir() {
            sync_tree_read_only(&path)?;
            continue;
        }
        match File::open(&path).and_then(|file| file.sync_all()) {
            Err(error)
                if !matches!(
                    error.kind(),
                    io::ErrorKind::InvalidInput | io::ErrorKind::ReadOnlyFilesystem
                ) =>
            {
                return Err(failed(&path)(error));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Whether a directory is missing or has nothing in it.
pub(crate) fn is_empty(dir: &Path) -> Result<bool, LogError> {
    match fs::read_dir(dir) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(failed(dir)(error)),
    }
}

/// Copies everything in a directory into another one.
pub(crate) fn copy_tree(from: &Path, to: &Path) -> Result<(), LogError> {
    for entry in fs::read_dir(from).map_err(failed(from))? {
        let entry = entry.map_err(failed(from))?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            fs::create_dir(&target).map_err(failed(&target))?;
            copy_tree(&source, &target)?;
        } else {
            fs::copy(&source, &target).map_err(|error| LogError::Store {
                path: format!("copying {} to {}", source.display(), target.display()),
                why: error.to_string(),
            })?;
        }
    }
    Ok(())
}
