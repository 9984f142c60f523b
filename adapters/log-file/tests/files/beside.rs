use std::fs;
use std::path::Path;

use quittance_core::ids::NodeId;
use quittance_log_file::{Backup, FileError, KeptBackup};
use quittance_runtime::table::{Entry, MAX_KEY_BYTES, MAX_VALUE_BYTES};

use crate::support::{NODE, frames, tip, trailer};

type Pairs<'a> = &'a [(&'a [u8], &'a [u8])];

/// A run that takes the first frames and these entries.
fn run(dir: &Path, entries: Pairs) -> Result<u64, FileError> {
    let all = frames(NODE, 2);
    let mut backup = Backup::open(dir)?;
    backup.begin(NODE)?;
    let from = backup.tip().position;
    for frame in all.iter().filter(|frame| frame.last >= from) {
        backup.take(&frame.bytes)?;
    }
    backup.taken()?;
    let mut beside = backup.beside()?;
    entries.iter().try_for_each(|(key, value)| beside.put(key, value))?;
    let count = beside.finish()?;
    backup.vouch(&trailer(&tip(&all)))?;
    Ok(count)
}

fn read(dir: &Path) -> Result<Option<Vec<Entry>>, FileError> {
    let mut entries = Vec::new();
    let count = KeptBackup::open(dir)?.beside(|entry| {
        entries.push(entry.clone());
        Ok::<_, FileError>(())
    });
    let count = count.inspect_err(|_| assert!(entries.is_empty(), "a damaged file was believed in part"))?;
    assert_eq!(count, (count.is_some() || !entries.is_empty()).then_some(entries.len() as u64));
    Ok(count.map(|_| entries))
}

fn entries(of: Pairs) -> Vec<Entry> {
    of.iter().map(|(key, value)| Entry { key: key.to_vec(), value: value.to_vec() }).collect()
}

#[test]
fn what_stands_beside_the_log_comes_back_and_the_last_run_counts() {
    let dir = tempfile::tempdir().unwrap();
    let long = (vec![7; MAX_KEY_BYTES], vec![8; MAX_VALUE_BYTES]);
    let cases: [Pairs; 4] =
        [&[], &[(b"a", b"one")], &[(b"a", b""), (b"b", b"two"), (&long.0, &long.1)], &[(b"z", b"last")]];
    for of in cases {
        assert_eq!(run(dir.path(), of), Ok(of.len() as u64));
        assert_eq!(read(dir.path()), Ok(Some(entries(of))));
    }
    fs::remove_file(dir.path().join("beside")).unwrap();
    assert_eq!(read(dir.path()), Ok(None), "a backup of the version before is a backup");
}

#[test]
fn what_no_table_takes_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mut backup = Backup::open(dir.path()).unwrap();
    assert!(matches!(backup.beside(), Err(FileError::NotABackup { .. })), "of nobody's log");
    backup.begin(NODE).unwrap();
    let mut beside = backup.beside().unwrap();
    for (key, value) in [(0, 1), (MAX_KEY_BYTES + 1, 1), (1, MAX_VALUE_BYTES + 1)] {
        let refused = beside.put(&vec![1; key], &vec![2; value]);
        assert!(matches!(refused, Err(FileError::Unsound { .. })), "{key}, {value}: {refused:?}");
    }
    assert_eq!(beside.finish(), Ok(0));
}

/// Lost if this fails: a link that leads elsewhere after a restore, or one that is missing without a word.
#[test]
fn a_changed_byte_or_a_missing_end_is_found_before_anything_is_believed() {
    let dir = tempfile::tempdir().unwrap();
    run(dir.path(), &[(b"a", b"one"), (b"b", b"two")]).unwrap();
    let path = dir.path().join("beside");
    let whole = fs::read(&path).unwrap();
    for index in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[index] ^= 1;
        fs::write(&path, &bytes).unwrap();
        assert!(read(dir.path()).is_err(), "byte {index} is changed");
        fs::write(&path, &whole[..index]).unwrap();
        assert!(read(dir.path()).is_err(), "cut off at byte {index}");
    }
    fs::write(&path, [&whole[..], &[0]].concat()).unwrap();
    assert!(read(dir.path()).is_err(), "a byte too many");
    let other = tempfile::tempdir().unwrap();
    let mut backup = Backup::open(other.path()).unwrap();
    backup.begin(NodeId([9; 32])).unwrap();
    backup.beside().unwrap().finish().unwrap();
    fs::copy(other.path().join("beside"), &path).unwrap();
    assert!(matches!(read(dir.path()), Err(FileError::OtherNode { .. })), "another node's");
    // A run that was killed left half of one beside it; the file of the run before counts.
    fs::write(&path, &whole).unwrap();
    fs::write(dir.path().join("beside.new"), b"QUITT").unwrap();
    assert_eq!(read(dir.path()), Ok(Some(entries(&[(b"a", b"one"), (b"b", b"two")]))));
    run(dir.path(), &[(b"c", b"three")]).unwrap();
    assert_eq!(read(dir.path()), Ok(Some(entries(&[(b"c", b"three")]))));
}
