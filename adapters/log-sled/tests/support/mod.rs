//! Logs to damage.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use quittance_core::event::{Event, Record};
use quittance_core::frame::{FrameBuilder, Tip};
use quittance_core::ids::{AccountId, NodeId, Position};
use quittance_core::policy::Policy;
use quittance_log_sled::SledLog;
use quittance_runtime::log::contract::{sample_frames, sample_record};
use quittance_runtime::log::{EventLog, LogError};

pub(crate) const NODE: NodeId = NodeId([7; 32]);

/// A closed log of `node`: a first record that names it, then samples, some of them in many frames.
pub(crate) fn write_log(dir: &Path, node: NodeId, counts: &[u64]) -> Tip {
    let mut log = SledLog::open(dir, Some(node)).unwrap();
    if log.tip() == Tip::EMPTY {
        let event = Event::NodeInitialized { node, policy: Policy::standard(AccountId([1; 32])) };
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
