//! `quittance restore` and `quittance import`: a node's directory out of a backup or a portable file.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use quittance_code_api::server::{ENTRIES_A_LINK, LINKS};
use quittance_core::digest::Digest;
use quittance_core::frame::{EncodedFrame, Frame, Tip};
use quittance_core::ids::Position;
use quittance_log_file::{KeptBackup, LogFile, Trailer};
use quittance_log_sled::SledLog;
use quittance_runtime::log::{EventLog, LogError, LogReader};
use quittance_runtime::table::{Entry, Table as _};

use crate::args::{ImportArgs, RestoreArgs};
use crate::error::{CliError, Kind};
use crate::keys;
use crate::log::{self, Verified};
use crate::node::{KEY_FILE, TABLE};
use crate::output::Output;

/// Frames that are written to the new log together: at most 4 MiB.
const BATCH: usize = 64;
/// What to do about a directory that cannot take another's place.
const NOT_A_ROOT: &str = "a directory that does not exist yet, in it or elsewhere";

pub(crate) fn restore(args: &RestoreArgs, output: &Output) -> Result<(), CliError> {
    let place = Place::find(&args.into.data)?;
    if args.dir.is_file() {
        return Err(CliError::misuse(format!("{} is a file, a backup is a directory", args.dir.display()))
            .hint("quittance import FILE --data DIR"));
    }
    let kept = KeptBackup::open(&args.dir)?;
    let leftover = kept.leftover();
    if let Some(left) = &leftover {
        output.note(&format!(
            "the last run did not finish: the backup was verified up to position {}, whole frames reach position {}, \
             {} bytes behind them are left out",
            left.vouched, left.position, left.torn_bytes
        ));
    }
    let from = Origin {
        path: &args.dir,
        log: kept.file(),
        trailer: *kept.trailer(),
        finished: Some(leftover.is_none()),
        kept: Some(&kept),
    };
    let copy = args.dir.join(KEY_FILE);
    let key = args.into.key.clone().or_else(|| copy.exists().then_some(copy));
    place.build(&from, key.as_deref(), output)
}

pub(crate) fn import(args: &ImportArgs, output: &Output) -> Result<(), CliError> {
    let place = Place::find(&args.into.data)?;
    let log = LogFile::open(&args.file)?;
    let from = Origin { path: &args.file, trailer: log.trailer()?, log, finished: None, kept: None };
    place.build(&from, args.into.key.as_deref(), output)
}

/// What a directory is made from.
#[derive(Debug)]
struct Origin<'a> {
    path: &'a Path,
    log: LogFile,
    trailer: Trailer,
    /// Of a backup: nothing stands behind the trailer's position.
    finished: Option<bool>,
    /// The backup itself, which has more than the log. A portable file has no more.
    kept: Option<&'a KeptBackup>,
}

impl Origin<'_> {
    /// Checks all of it, and that it folds to what it folded to when it was written.
    fn check(&self, output: &Output) -> Result<Verified, CliError> {
        let mut progress = output.progress("verifying");
        // More may follow in a backup whose last run did not finish.
        let behind = self.trailer.position().next();
        let verified = log::check(&self.log, false, |state, record| {
            progress.at(record.position, None);
            if record.position == behind { self.compare(state.digest()) } else { Ok(()) }
        })?;
        if verified.tip.position == self.trailer.position() {
            self.compare(verified.digest)?;
        }
        Ok(verified)
    }

    fn compare(&self, digest: Digest) -> Result<(), CliError> {
        match self.trailer.digest() {
            Some(written) if written != digest => {
                let (path, position) = (self.path.display(), self.trailer.position());
                let message = format!(
                    "{path} is whole, but folds to digest {digest} at position {position}; when it was written, it was \
                     {written}. This is a bug"
                );
                Err(CliError::new(Kind::Damaged, message).hint("the version of the program that wrote it"))
            }
            _ => Ok(()),
        }
    }
}

/// A directory that is missing or empty, and may become a node's.
#[derive(Debug)]
struct Place {
    data: PathBuf,
    parent: PathBuf,
    name: String,
    /// Who may do what in it, where it exists.
    permissions: Option<fs::Permissions>,
}

impl Place {
    fn find(data: &Path) -> Result<Self, CliError> {
        let real = match fs::canonicalize(data) {
            Ok(real) => {
                let mut entries = fs::read_dir(&real).map_err(|error| unusable(data, &error))?;
                if entries.next().is_some() {
                    return Err(occupied(data));
                }
                real
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => data.to_owned(),
            Err(error) => return Err(unusable(data, &error)),
        };
        let parent = match real.parent() {
            Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
            Some(parent) => parent,
            None => return Err(occupied(data)),
        };
        let name =
            real.file_name().ok_or_else(|| CliError::misuse(format!("{}: no name", data.display())))?;
        let name = name.to_string_lossy().into_owned();
        let permissions = fs::metadata(&real).ok().map(|found| found.permissions());
        if is_root_of_file_system(&real, parent) {
            let why =
                io::Error::other("another file system is mounted there, and no directory can take its place");
            return Err(unusable(data, &why).hint(NOT_A_ROOT));
        }
        Ok(Self { parent: parent.to_owned(), data: real, name, permissions })
    }

    /// Makes the directory under another name, and gives it its own once it is whole and verified.
    fn build(self, from: &Origin<'_>, key: Option<&Path>, output: &Output) -> Result<(), CliError> {
        let node = from.log.node();
        let key = key.map(|path| keys::read_of(path, node)).transpose()?;
        let whole = from.check(output)?;
        quittance_log_sled::create_dir(&self.parent)?;
        let prefix = format!("{}.unfinished-", self.name);
        self.note_remains(&prefix, output);
        let unfinished = tempfile::Builder::new().prefix(&prefix).tempdir_in(&self.parent);
        let unfinished = unfinished.map_err(|error| unusable(&self.parent, &error))?;
        let mut log = SledLog::open(unfinished.path(), Some(node))?;
        copy(&from.log, &mut log, whole.tip, output)?;
        let links = from.kept.map(|kept| copy_beside(kept, &log)).transpose()?.flatten();
        Box::new(log).close()?;
        // Opened again, as the node will: what it finds then has to be all of it.
        let log = SledLog::open(unfinished.path(), Some(node))?;
        let mut progress = output.progress("verifying the copy");
        let copied = log::check(&*log.reader(), false, |_, record| {
            progress.at(record.position, Some(whole.tip.position));
            Ok(())
        })?;
        drop(progress);
        Box::new(log).close()?;
        if copied != whole {
            return Err(CliError::failed(format!(
                "the copy is not what was copied: {copied:?}, not {whole:?}"
            )));
        }
        if let Some(key) = &key {
            keys::write(key, &unfinished.path().join(KEY_FILE))?;
        }
        if let Some(permissions) = self.permissions.clone() {
            fs::set_permissions(unfinished.path(), permissions).map_err(CliError::failed)?;
        }
        fs::rename(unfinished.path(), &self.data).map_err(|error| match error.kind() {
            io::ErrorKind::DirectoryNotEmpty => occupied(&self.data),
            _ => unusable(&self.data, &error).hint(NOT_A_ROOT),
        })?;
        let _ = unfinished.keep();
        fs::File::open(&self.parent).and_then(|parent| parent.sync_all()).map_err(CliError::failed)?;
        let mut json = whole.summary();
        json["node"] = node.to_string().into();
        json["key"] = key.is_some().into();
        if from.kept.is_some() {
            json["links"] = links.into();
        }
        if let Some(finished) = from.finished {
            json["last_run_finished"] = finished.into();
        }
        output.result(&json, || {
            let (data, last, sums) = (self.data.display(), whole.tip.position, whole.sums());
            let kept = match key {
                Some(_) => format!("in {data}"),
                None => {
                    format!("none: the log can be read; to run the node, put its key at {data}/{KEY_FILE}")
                }
            };
            let links = match links {
                Some(links) => links.to_string(),
                None => "none: those that GetPathMetadata knew are not in it".to_owned(),
            };
            format!(
                "ok: {data} holds the log up to position {last}\n  node   {node}\n{sums}\n  links  {links}\n  key    {kept}"
            )
        });
        Ok(())
    }

    /// Says what a run that was killed left beside the directory. It may be another run's that goes on, so it stays.
    fn note_remains(&self, prefix: &str, output: &Output) {
        let entries = fs::read_dir(&self.parent).into_iter().flatten().flatten();
        for entry in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix)) {
            let path = entry.path();
            output.note(&format!("{} was left by a run that did not finish; remove it", path.display()));
        }
    }
}

/// Whether another file system is mounted there, so that no directory can take its place.
fn is_root_of_file_system(data: &Path, parent: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let device = |path: &Path| fs::metadata(path).ok().map(|found| found.dev());
        device(data).is_some_and(|of_data| device(parent) != Some(of_data))
    }
    #[cfg(not(unix))]
    {
        let _ = (data, parent);
        false
    }
}

fn copy(from: &LogFile, to: &mut SledLog, end: Tip, output: &Output) -> Result<(), CliError> {
    let mut progress = output.progress("writing");
    let (mut tip, mut batch) = (Tip::EMPTY, Vec::with_capacity(BATCH));
    for bytes in from.frames(Position(1)) {
        let bytes = bytes?;
        let (frame, next) = tip.follow(&bytes).map_err(|error| LogError::damaged(tip.position, &error))?;
        let first = tip.position.next();
        let Frame { previous, hash, epoch, .. } = frame;
        batch.push(EncodedFrame { first, last: next.position, epoch, previous, hash, bytes });
        tip = next;
        if batch.len() == BATCH {
            to.append(&batch).map_err(CliError::failed)?;
            batch.clear();
            progress.at(tip.position, Some(end.position));
        }
    }
    if batch.is_empty() { Ok(()) } else { to.append(&batch).map_err(CliError::failed) }
}

/// Puts back what stood beside the log. How many links there were; `None` where the backup is of a version that kept none.
fn copy_beside(from: &KeptBackup, to: &SledLog) -> Result<Option<u64>, CliError> {
    let table = to.table(TABLE);
    let entries = from.beside::<CliError>(|Entry { key, value }| {
        // Nothing else of that table means anything to another log.
        if key.starts_with(LINKS) { table.put(key, value).map_err(CliError::failed) } else { Ok(()) }
    })?;
    table.sync().map_err(CliError::failed)?;
    Ok(entries.map(|entries| entries / ENTRIES_A_LINK))
}

fn occupied(data: &Path) -> CliError {
    CliError::misuse(format!("{} is not empty, and nothing is ever written over", data.display()))
        .hint("another --data directory; to bring back a node, move the old directory aside first")
}

fn unusable(path: &Path, error: &io::Error) -> CliError {
    CliError::misuse(format!("{}: {error}", path.display()))
}
