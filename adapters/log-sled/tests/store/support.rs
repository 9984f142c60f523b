//! Logs to damage.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use quittance_core::event::{Event, Record};
use quittance_core::frame::{FrameBuilder, Tip};
use quittance_core::ids::{AccountId, NodeId, Position};
use quittance_core::policy::Policy;
use quittance_log_sled::SledLog;
use quittance_runtime::log::contract::{sample_frames, sample_record};
use quittance_runtime::log::{EventLog, LogError};
use tempfile::TempDir;

pub(crate) const NODE: NodeId = NodeId([7; 32]);

/// A closed log of `node`: a first record that names it, then samples, some of them in many frames.
pub(crate) fn write_log(dir: &Path, node: NodeId, counts: &[u64]) -> Tip {
    let mut log = SledLog::open(dir, Some(node)).unwrap();
    if log.tip() == Tip::EMPTY {
        let event = Event::NodeInitialized { node, policy: Policy::standard(AccountId([1; 32])).into() };
        let mut builder = FrameBuilder::new(Tip::EMPTY, 1);
        builder.push(&[Record { event, ..sample_record(Position(1)) }]);
        log.append(&builder.finish().0).unwrap();
    }
    for count in counts {
        let (frames, _) = sample_frames(log.tip(), 1, *count);
        log.append(&frames).unwrap();
    }
    let tip = log.tip();
    Box::new(log).close().unwrap();
    tip
}

pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

/// A log after a crash, behind position 2 as its tip file says.
pub(crate) struct Crashed {
    pub(crate) dir: TempDir,
    /// Where each append ended that came after.
    pub(crate) ends: Vec<Position>,
    pub(crate) frames: Vec<Vec<u8>>,
}

/// Appends of so many records each, and then the process is gone.
pub(crate) fn crashed(counts: &[u64]) -> Crashed {
    let place = TempDir::new().unwrap();
    let (running, dir) = (place.path().join("running"), TempDir::new().unwrap());
    write_log(&running, NODE, &[1]);
    let tip_file = fs::read(running.join("tip")).unwrap();
    let mut log = SledLog::open(&running, Some(NODE)).unwrap();
    let mut ends = Vec::new();
    for count in counts {
        let (frames, tip) = sample_frames(log.tip(), 2, *count);
        log.append(&frames).unwrap();
        ends.push(tip.position);
    }
    copy(&running, dir.path());
    fs::write(dir.path().join("tip"), tip_file).unwrap();
    let frames = log.reader().frames(Position(1)).map(Result::unwrap).collect();
    Crashed { dir, ends, frames }
}

/// Every file under `dir` with its content, and every directory.
pub(crate) fn content(dir: &Path) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(content(&path));
        }
        let bytes = path.is_file().then(|| fs::read(&path).unwrap());
        found.insert(path, bytes);
    }
    found
}

/// Opens a log and reads it to the end, as a node does when it starts.
pub(crate) fn replay(dir: &Path) -> Result<Vec<Vec<u8>>, LogError> {
    let log = SledLog::open(dir, Some(NODE))?;
    let (mut tip, mut frames) = (Tip::EMPTY, Vec::new());
    for bytes in log.reader().frames(Position(1)) {
        let bytes = bytes?;
        tip = tip.follow(&bytes).map_err(|error| LogError::damaged(tip.position, &error))?.1;
        frames.push(bytes);
    }
    if tip != log.tip() {
        return Err(LogError::Damaged {
            after: tip.position,
            why: "the frames end before the log".to_owned(),
        });
    }
    Ok(frames)
}

/// What is logged on this thread while `work` runs.
pub(crate) fn logged<T>(work: impl FnOnce() -> T) -> (T, String) {
    let said = Said::default();
    let writer = said.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let result = tracing::subscriber::with_default(subscriber, work);
    let said = said.0.lock().unwrap().clone();
    (result, String::from_utf8(said).unwrap())
}

#[derive(Clone, Default)]
struct Said(Arc<Mutex<Vec<u8>>>);

impl io::Write for Said {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
