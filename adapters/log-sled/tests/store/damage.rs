//! Files that are lost, come back old, belong to another log, or were made by half.

use std::fs;
use std::path::Path;

use quittance_core::ids::NodeId;
use quittance_log_sled::SledLog;
use quittance_runtime::log::contract::sample_frames;
use quittance_runtime::log::{AppendError, EventLog, LogError};
use tempfile::TempDir;

use crate::support::{NODE, content, copy, write_log};

const OTHER: NodeId = NodeId([8; 32]);

/// Where sled's file ends apart from the filling that it puts behind.
fn used(db: &[u8]) -> u64 {
    let filling = db.last().copied().unwrap_or_default();
    let end = db.iter().rposition(|byte| *byte != filling).map_or(0, |last| last + 1);
    u64::try_from(end).unwrap()
}

fn error(dir: &Path, node: Option<NodeId>) -> LogError {
    SledLog::open(dir, node).map(|log| log.tip()).unwrap_err()
}

#[test]
fn a_log_is_open_in_one_place_only() {
    let dir = TempDir::new().unwrap();
    write_log(dir.path(), NODE, &[3]);
    let open = SledLog::open(dir.path(), Some(NODE)).unwrap();
    let in_use = LogError::InUse { path: dir.path().display().to_string() };
    assert_eq!(error(dir.path(), Some(NODE)), in_use, "a second writer would fork the log");
    assert_eq!(error(dir.path(), None), in_use, "a running log cannot be copied whole");
    drop(open);
    let first = SledLog::open(dir.path(), None).unwrap();
    let second = SledLog::open(dir.path(), None).unwrap();
    let writer = SledLog::open(dir.path(), Some(NODE)).unwrap();
    assert_eq!((first.tip(), second.tip()), (writer.tip(), writer.tip()));
}

#[test]
fn looking_at_a_log_changes_nothing_and_creates_nothing() {
    let dir = TempDir::new().unwrap();
    let absent = dir.path().join("absent");
    assert!(matches!(error(&absent, None), LogError::Store { .. }));
    assert!(!absent.exists());
    let tip = write_log(dir.path(), NODE, &[1, 300, 5]);
    let before = content(dir.path());
    let mut log = SledLog::open(dir.path(), None).unwrap();
    assert_eq!((log.tip(), log.node()), (tip, NODE));
    let (frames, _) = sample_frames(tip, 1, 1);
    assert!(matches!(log.append(&frames), Err(AppendError::Unknown(_))));
    Box::new(log).close().unwrap();
    assert_eq!(content(dir.path()), before);
}

#[test]
fn a_log_that_lost_its_end_never_starts_over() {
    type Loss = fn(&Path, &Path);
    let cases: [(&str, Loss); 7] = [
        ("the store is deleted", |log, _| fs::remove_dir_all(log).unwrap()),
        ("the store is emptied", |log, _| {
            fs::remove_dir_all(log).unwrap();
            fs::create_dir(log).unwrap();
        }),
        ("sled's file is emptied", |log, _| fs::write(log.join("db"), []).unwrap()),
        ("sled starts over", |log, _| {
            fs::remove_dir_all(log).unwrap();
            drop(sled::Config::new().path(log).segment_size(8 << 20).open().unwrap());
        }),
        ("sled's file loses its end", |log, _| {
            let end = used(&fs::read(log.join("db")).unwrap());
            fs::File::options().write(true).open(log.join("db")).unwrap().set_len(end - 10).unwrap();
        }),
        ("an old copy of the store comes back", |log, old| {
            fs::remove_dir_all(log).unwrap();
            copy(&old.join("log"), log);
        }),
        ("the store of another log of the same node comes in", |log, _| {
            let other = TempDir::new().unwrap();
            write_log(other.path(), NODE, &[1; 20]);
            fs::remove_dir_all(log).unwrap();
            copy(&other.path().join("log"), log);
        }),
    ];
    for (what, lose) in cases {
        let (dir, old) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        write_log(dir.path(), NODE, &[1, 1]);
        copy(dir.path(), old.path());
        let tip = write_log(dir.path(), NODE, &[1, 2, 1]);
        lose(&dir.path().join("log"), old.path());
        for node in [None, Some(NODE), Some(NODE)] {
            match error(dir.path(), node) {
                LogError::Lost { acknowledged, hash, .. } => {
                    assert_eq!((acknowledged, hash), (tip.position, tip.hash), "{what}");
                }
                LogError::Damaged { .. } if what.starts_with("sled's file") => {}
                other => panic!("{what}: {other}"),
            }
        }
    }
}

#[test]
fn a_lost_log_says_where_it_ends_and_where_it_should() {
    let (dir, old) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let before = write_log(dir.path(), NODE, &[10]);
    copy(dir.path(), old.path());
    let tip = write_log(dir.path(), NODE, &[20, 30]);
    fs::remove_dir_all(dir.path().join("log")).unwrap();
    copy(&old.path().join("log"), &dir.path().join("log"));
    let lost = LogError::Lost { acknowledged: tip.position, hash: tip.hash, found: before.position };
    assert_eq!(error(dir.path(), Some(NODE)), lost);
    let text = lost.to_string();
    assert!(text.contains("position 11,") && text.contains("position 61 "), "{text}");
}

#[test]
fn a_log_is_opened_for_its_own_node_only() {
    let (dir, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    write_log(dir.path(), NODE, &[1]);
    write_log(other.path(), OTHER, &[1]);
    assert_eq!(error(dir.path(), Some(OTHER)), LogError::OtherNode { expected: OTHER, found: NODE });
    // Somebody mixes the tip file of one with the store of the other, and both happen to be empty of anything but a start.
    let fresh = TempDir::new().unwrap();
    drop(SledLog::open(fresh.path(), Some(NODE)).unwrap());
    fs::remove_dir_all(fresh.path().join("log")).unwrap();
    copy(&other.path().join("log"), &fresh.path().join("log"));
    assert_eq!(error(fresh.path(), Some(NODE)), LogError::OtherNode { expected: NODE, found: OTHER });
}

#[test]
fn a_damaged_or_missing_tip_file_stops_the_log() {
    let dir = TempDir::new().unwrap();
    let tip = write_log(dir.path(), NODE, &[1]);
    let path = dir.path().join("tip");
    let sound = fs::read(&path).unwrap();
    for at in 0..sound.len() {
        let mut bytes = sound.clone();
        bytes[at] ^= 0x10;
        fs::write(&path, bytes).unwrap();
        let error = error(dir.path(), Some(NODE));
        assert!(matches!(error, LogError::Damaged { .. }), "byte {at}: {error}");
    }
    fs::remove_file(&path).unwrap();
    for node in [None, Some(NODE)] {
        let error = error(dir.path(), node).to_string();
        assert!(error.contains("tip is missing"), "{error}");
    }
    fs::write(&path, sound).unwrap();
    assert_eq!(SledLog::open(dir.path(), Some(NODE)).unwrap().tip(), tip, "the log itself was never touched");
}

#[test]
fn a_power_cut_while_the_log_is_created_leaves_something_that_opens() {
    type Cut = fn(&Path);
    let cases: [(&str, Cut); 5] = [
        ("before the tip file", |dir| fs::write(dir.join("tip.new"), b"QT").unwrap()),
        ("before the store", |dir| drop(fs::remove_dir_all(dir.join("log")))),
        ("inside the store", |dir| {
            fs::rename(dir.join("log"), dir.join("log.new")).unwrap();
            fs::write(dir.join("log.new/conf"), b"segment_size: 1").unwrap();
        }),
        ("before the lock", |dir| fs::remove_file(dir.join("lock")).unwrap()),
        ("in a snapshot", |dir| fs::write(dir.join("log/snap.0000000000000FFF.generating"), b"x").unwrap()),
    ];
    for (what, cut) in cases {
        let dir = TempDir::new().unwrap();
        drop(SledLog::open(dir.path(), Some(NODE)).unwrap());
        cut(dir.path());
        let tip = write_log(dir.path(), NODE, &[5]);
        assert_eq!(SledLog::open(dir.path(), Some(NODE)).unwrap().tip(), tip, "{what}");
    }
}

#[test]
fn values_in_files_of_their_own_are_refused_because_nobody_syncs_them() {
    let dir = TempDir::new().unwrap();
    write_log(dir.path(), NODE, &[5]);
    fs::write(dir.path().join("log/blobs/123"), b"blob").unwrap();
    let error = error(dir.path(), Some(NODE)).to_string();
    assert!(error.contains("blobs should be empty"), "{error}");
}

#[test]
fn a_damaged_snapshot_is_named_and_the_log_opens_without_it() {
    let dir = TempDir::new().unwrap();
    write_log(dir.path(), NODE, &[1, 300]);
    let tip = write_log(dir.path(), NODE, &[5]);
    let log = dir.path().join("log");
    let is_snapshot =
        |path: &Path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("snap."));
    let snapshot = content(&log).into_keys().find(|path| is_snapshot(path)).unwrap();
    let mut bytes = fs::read(&snapshot).unwrap();
    bytes[20] ^= 0x01;
    fs::write(&snapshot, bytes).unwrap();
    let name = snapshot.file_name().unwrap().to_string_lossy().into_owned();
    for node in [None, Some(NODE)] {
        let error = error(dir.path(), node).to_string();
        let named = error.contains(&format!("bytes in {}", log.display()));
        assert!(named && error.contains(&format!("if they are in {name}")), "{error}");
    }
    fs::remove_file(&snapshot).unwrap();
    assert_eq!(SledLog::open(dir.path(), Some(NODE)).unwrap().tip(), tip);
}
