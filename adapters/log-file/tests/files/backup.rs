use std::fs;
use std::path::Path;

use quittance_core::frame::{EncodedFrame, FrameBuilder};
use quittance_core::ids::{NodeId, Position};
use quittance_log_file::{Backup, FileError, KeptBackup, Leftover};
use quittance_runtime::log::contract::sample_record;

use crate::support::{NODE, frames, read, tip, trailer};

/// One run of a backup, given the log from the frame on that the backup ends with. How many frames were new.
fn run(dir: &Path, frames: &[EncodedFrame]) -> Result<usize, FileError> {
    let mut backup = Backup::open(dir)?;
    let new = append(&mut backup, frames)?;
    assert_eq!(read(&backup.taken()?).map(|frames| frames.len()), Ok(frames.len()));
    backup.vouch(&trailer(&tip(frames)))?;
    Ok(new)
}

fn append(backup: &mut Backup, frames: &[EncodedFrame]) -> Result<usize, FileError> {
    backup.begin(NODE)?;
    let from = backup.tip().position;
    let rest = frames.iter().filter(|frame| frame.last >= from);
    rest.map(|frame| backup.take(&frame.bytes)).try_fold(0, |new, taken| Ok(new + usize::from(taken?)))
}

fn kept(dir: &Path) -> Result<(Position, usize), FileError> {
    let kept = KeptBackup::open(dir)?;
    Ok((kept.trailer().position(), read(&kept.file()).expect("frames that verify").len()))
}

#[test]
fn a_backup_takes_only_what_is_new() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("backups/node");
    let all = frames(NODE, 6);
    let mut written = 0;
    for (upto, new) in [(2, 2), (2, 0), (5, 3), (6, 1)] {
        assert_eq!(run(&dir, &all[..upto]).unwrap(), new, "up to frame {upto}");
        assert_eq!(kept(&dir).unwrap(), (all[upto - 1].last, upto));
        let now = fs::metadata(dir.join("frames")).unwrap().len();
        let grown: usize = all[upto - new..upto].iter().map(|frame| 4 + frame.bytes.len()).sum();
        assert_eq!(now - written, grown as u64 + if written == 0 { 42 } else { 0 });
        written = now;
    }
    assert!(KeptBackup::open(&dir).unwrap().leftover().is_none());
    // The two files of a backup one after the other are an export.
    let export = dir.with_extension("quittance");
    fs::write(
        &export,
        [fs::read(dir.join("frames")).unwrap(), fs::read(dir.join("trailer")).unwrap()].concat(),
    )
    .unwrap();
    assert_eq!(quittance_log_file::LogFile::open(&export).unwrap().trailer().unwrap(), trailer(&tip(&all)));
}

/// Lost if this fails: one interrupted run, and there is no backup any more, or one that lies.
#[test]
fn a_run_cut_off_at_any_byte_is_continued_and_never_believed_half() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("node");
    let all = frames(NODE, 4);
    run(&dir, &all[..2]).unwrap();
    let vouched = fs::read(dir.join("frames")).unwrap();
    let mut interrupted = Backup::open(&dir).unwrap();
    append(&mut interrupted, &all).unwrap();
    drop(interrupted);
    let whole = fs::read(dir.join("frames")).unwrap();
    let third = vouched.len() + 4 + all[2].bytes.len();
    for cut in vouched.len()..=whole.len() {
        let frames = if cut == whole.len() { 4 } else { 2 + usize::from(cut >= third) };
        let end = [vouched.len(), third, whole.len()][frames - 2];
        // All of them where a frame ends, elsewhere one each.
        let noises = [0, 1, 200].into_iter().enumerate();
        for (_, noise) in noises.filter(|(index, _)| cut - end < 6 || cut % 3 == *index) {
            // What a file has behind its synced end after a power cut need not be what was written.
            fs::write(dir.join("frames"), [&whole[..cut], &vec![0; noise][..]].concat()).unwrap();
            assert_eq!(kept(&dir).unwrap(), (all[1].last, frames), "cut to {cut} bytes and {noise} more");
            let torn_bytes = (cut + noise - end) as u64;
            let left = Leftover { vouched: all[1].last, position: all[frames - 1].last, torn_bytes };
            let expected = (left.position > left.vouched || torn_bytes > 0).then_some(left);
            assert_eq!(KeptBackup::open(&dir).unwrap().leftover(), expected);
            let backup = Backup::open(&dir).unwrap();
            assert_eq!((backup.leftover(), backup.tip().position), (expected, left.position));
            assert_eq!(fs::read(dir.join("frames")).unwrap(), whole[..end], "torn bytes were not cut off");
        }
    }
    assert_eq!(run(&dir, &all).unwrap(), 0);
    assert_eq!(kept(&dir).unwrap(), (all[3].last, 4));
}

/// Lost if this fails: a backup that has rotted, or lost its end, is found out when it is needed.
#[test]
fn what_a_run_vouched_for_is_never_less_without_a_word() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("node");
    run(&dir, &frames(NODE, 3)).unwrap();
    for name in ["frames", "trailer"] {
        let path = dir.join(name);
        let bytes = fs::read(&path).unwrap();
        let refused = |what: &str| {
            for error in [Backup::open(&dir).unwrap_err(), KeptBackup::open(&dir).unwrap_err()] {
                let damaged = matches!(error, FileError::Damaged { .. } | FileError::NotALog { .. });
                assert!(damaged, "{name}, {what}: {error}");
            }
        };
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 4;
            fs::write(&path, &changed).unwrap();
            refused(&format!("byte {at} flipped"));
            fs::write(&path, &bytes[..at]).unwrap();
            refused(&format!("cut to {at} bytes"));
            assert_eq!(fs::read(&path).unwrap(), bytes[..at], "a damaged backup was altered");
        }
        fs::write(&path, &bytes).unwrap();
    }
    let trailer = fs::read(dir.join("trailer")).unwrap();
    fs::remove_file(dir.join("trailer")).unwrap();
    assert!(matches!(KeptBackup::open(&dir), Err(FileError::Damaged { .. })), "nothing vouches for it");
    fs::write(dir.join("trailer"), trailer).unwrap();
    fs::remove_file(dir.join("frames")).unwrap();
    assert!(matches!(KeptBackup::open(&dir), Err(FileError::Damaged { .. })));
    assert!(matches!(Backup::open(&dir), Err(FileError::Damaged { .. })));
}

/// Lost if this fails: the backup of a good log is overwritten or continued with what is not its history.
#[test]
fn another_history_is_not_mixed_in() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("node");
    let all = frames(NODE, 3);
    run(&dir, &all).unwrap();
    let mut backup = Backup::open(&dir).unwrap();
    let refused = backup.begin(NodeId([8; 32])).unwrap_err();
    assert!(matches!(refused, FileError::OtherNode { .. }), "{refused}");
    drop(backup);
    let refused = run(&dir, &all[..2]).unwrap_err();
    assert!(matches!(refused, FileError::OtherHistory { position: Position(6), .. }), "{refused}");
    let mut fork = FrameBuilder::new(tip(&all[..2]), 2);
    fork.push(&[sample_record(Position(5)), sample_record(Position(6))]);
    let mut other = all[..2].to_vec();
    other.extend(fork.finish().0);
    let refused = run(&dir, &other).unwrap_err();
    assert!(matches!(refused, FileError::OtherHistory { position: Position(6), .. }), "{refused}");
    assert_eq!(kept(&dir).unwrap(), (Position(6), 3));
}

#[test]
fn a_backup_goes_into_a_directory_of_its_own_and_one_run_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("letter.txt"), "dear").unwrap();
    for refused in [Backup::open(dir.path()).map(drop), KeptBackup::open(dir.path()).map(drop)] {
        assert!(matches!(refused, Err(FileError::NotABackup { .. })), "{refused:?}");
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "something was left behind");
    let own = dir.path().join("node");
    run(&own, &frames(NODE, 1)).unwrap();
    let running = Backup::open(&own).unwrap();
    for refused in [Backup::open(&own).map(drop), KeptBackup::open(&own).map(drop)] {
        assert!(matches!(refused, Err(FileError::InUse { .. })), "{refused:?}");
    }
    drop(running);
    kept(&own).unwrap();
}
