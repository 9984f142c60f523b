//! What the fuzzer does with bytes, for the files that an operator brings from elsewhere: exports and backups.

use std::fs;
use std::path::Path;

use quittance_core::frame::Tip;
use quittance_core::ids::Position;
use quittance_log_file::{FileError, KeptBackup, LogFile, Trailer};
use quittance_runtime::log::{LogError, LogReader as _};

/// An even first byte makes the rest an export; an odd one makes it the three files of a backup: the trailer and what stood beside
/// the log, each behind its length (two bytes, little endian), and the frames. Read to the end it is a whole log or an error, however it is read.
pub(crate) fn log_file(bytes: &[u8]) {
    let Some((what, rest)) = bytes.split_first() else { return };
    let place = tempfile::tempdir().expect("a directory");
    if what % 2 == 0 {
        export(&place.path().join("export"), rest);
    } else {
        let (trailer, rest) = part(rest);
        let (beside, frames) = part(rest);
        backup(place.path(), frames, trailer, beside);
    }
}

fn part(bytes: &[u8]) -> (&[u8], &[u8]) {
    let (length, rest) = bytes.split_first_chunk().unwrap_or((&[0; 2], &[]));
    rest.split_at(rest.len().min(usize::from(u16::from_le_bytes(*length))))
}

fn export(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).expect("a file");
    let Ok(file) = LogFile::open(path) else { return };
    let (end, trailer) = (end_of(&file), file.trailer());
    assert_eq!(end.is_ok(), trailer.is_ok(), "read in two ways, it is whole and it is not");
    if let (Ok(end), Ok(trailer)) = (end, trailer) {
        assert!(trailer.is_at(&end), "a whole log that ends elsewhere than it says");
    }
}

fn backup(dir: &Path, frames: &[u8], trailer: &[u8], beside: &[u8]) {
    fs::write(dir.join("frames"), frames).expect("a file");
    fs::write(dir.join("trailer"), trailer).expect("a file");
    // An older version wrote none.
    if !beside.is_empty() {
        fs::write(dir.join("beside"), beside).expect("a file");
    }
    let Ok(kept) = KeptBackup::open(dir) else { return };
    let end = end_of(&kept.file()).expect("a backup that was found to be whole can be read");
    let vouched: &Trailer = kept.trailer();
    assert!(end.position >= vouched.position(), "less than the last run vouched for");
    assert!(kept.leftover().is_some() || vouched.is_at(&end), "more than that, and nothing says so");
    let mut given = 0;
    let told = kept.beside(|_| {
        given += 1;
        Ok::<(), FileError>(())
    });
    match told {
        Ok(count) => assert_eq!(count.unwrap_or(0), given, "another number of entries than it says"),
        Err(_) => assert_eq!(given, 0, "entries of a file that is damaged"),
    }
}

/// Where its frames end, each following the one before.
fn end_of(file: &LogFile) -> Result<Tip, LogError> {
    file.frames(Position(1)).try_fold(Tip::EMPTY, |tip, frame| {
        let (_, next) = tip.follow(&frame?).expect("a chain that was checked");
        Ok(next)
    })
}
