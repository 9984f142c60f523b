use std::collections::BTreeMap;

use quittance_core::ids::{DepositKey, IntentId, TransactionId};

use super::*;
use crate::table::MemoryTable;

fn key(number: u64) -> Key {
    let text = DepositKey::from_text(&number.to_string());
    match number % 7 {
        0 => Key::Deposit(text),
        1 => Key::Withdrawal(TransactionId(text.0)),
        _ => Key::Intent(IntentId(text.0)),
    }
}

/// An archive grown by `batches` of keys, some of them again and again, beside a plain map.
fn grown(table: &Arc<dyn Table>, batches: u64) -> (Archive, BTreeMap<Key, Position>) {
    let mut archive = Archive::new(Arc::clone(table)).expect("an empty table");
    let (mut model, mut position) = (BTreeMap::new(), 0);
    for batch in 0..batches {
        let mut entries = BTreeMap::new();
        for number in (batch * 50..batch * 50 + 60).chain([batch / 2, 3]) {
            position += 1;
            entries.insert(key(number), Position(position));
        }
        model.extend(entries.clone());
        let last = entries.into_iter().map(|(key, position)| (Name::Last(key), position));
        // The records of a batch are about one thing, each behind the one three before it.
        let first = Position(batch * 1_000);
        let links = (1..4).map(|step| (Position(first.0 + 3 * step), Position(first.0 + 3 * step - 3)));
        let links = links.map(|(at, before)| (Name::Before(at), before));
        archive = archive.with(last.chain(links).collect()).expect("a table in memory");
        if batch % 5 == 0 {
            archive.sweep().expect("a table in memory");
        }
    }
    (archive, model)
}

fn same(archive: &Archive, model: &BTreeMap<Key, Position>) {
    for (key, position) in model {
        let found = archive.find(key).expect("a sound archive");
        assert_eq!(found, Some(*position), "{key:?} would be taken for new, or for what it was before");
    }
    for batch in 0..20 {
        let trail = [0, 3, 6, 9].map(|step| Position(batch * 1_000 + step));
        assert_eq!(archive.trail(trail[3]), Ok(trail.to_vec()), "a record of it would be missing");
        assert_eq!(archive.trail(Position(trail[3].0 + 1)), Ok(vec![Position(trail[3].0 + 1)]));
    }
    for number in 1_000_000..1_002_000 {
        assert_eq!(archive.find(&key(number)), Ok(None), "a stranger would be taken for known");
    }
}

#[test]
fn whatever_has_ended_is_found_by_its_newest_record_through_merges_and_restarts() {
    let table: Arc<dyn Table> = Arc::new(MemoryTable::new());
    let (mut archive, model) = grown(&table, 150);
    assert!(
        archive.ids().len() < 3 * FANOUT,
        "{} runs: every stranger would be looked up in each",
        archive.ids().len()
    );
    same(&archive, &model);
    let opened = Archive::open(Arc::clone(&table), &archive.ids()).expect("what was written");
    same(&opened, &model);
    assert_eq!(opened.ids(), archive.ids());
    archive.sweep().expect("a table in memory");
    let numbers: Vec<_> = archive.ids().iter().map(|id| id.number).collect();
    let mut left = run::numbers(&*table).expect("a table in memory");
    left.sort_unstable();
    let mut expected = numbers.clone();
    expected.sort_unstable();
    assert_eq!(left, expected, "the disk would fill with what was merged away");
    assert_eq!(Archive::new(Arc::clone(&table)).expect("swept").ids(), []);
    assert!(table.scan(b"", 10).expect("a table in memory").is_empty(), "an archive made anew begins empty");
}

#[test]
fn a_changed_missing_or_foreign_byte_of_the_archive_is_never_an_answer() {
    let table: Arc<dyn Table> = Arc::new(MemoryTable::new());
    let (archive, model) = grown(&table, 20);
    let all = table.scan(b"run/", usize::MAX).expect("a table in memory");
    assert!(all.len() > 10);
    for entry in all {
        let restore = || table.put(&entry.key, &entry.value).expect("a table in memory");
        let wrong = |what: &str| {
            let Ok(opened) = Archive::open_without_sweep(Arc::clone(&table), &archive.ids()) else { return };
            for (key, position) in &model {
                match opened.find(key) {
                    Ok(found) => assert_eq!(found, Some(*position), "{what} of {:?}", entry.key),
                    Err(ArchiveError::Damaged { .. }) => {}
                    Err(error) => panic!("{error}"),
                }
            }
            for batch in 0..20 {
                match opened.trail(Position(batch * 1_000 + 9)) {
                    Ok(trail) => assert_eq!(trail.len(), 4, "{what} of {:?}", entry.key),
                    Err(ArchiveError::Damaged { .. }) => {}
                    Err(error) => panic!("{error}"),
                }
            }
        };
        table.delete(&entry.key).expect("a table in memory");
        wrong("the loss");
        for at in [0, entry.value.len() / 2, entry.value.len() - 1] {
            let mut changed = entry.value.clone();
            changed[at] ^= 0x10;
            table.put(&entry.key, &changed).expect("a table in memory");
            wrong("a changed byte");
        }
        table.put(&entry.key, &entry.value[1..]).expect("a table in memory");
        wrong("a lost byte");
        restore();
    }
}

#[test]
fn an_archive_is_the_same_whatever_order_its_entries_came_in() {
    let tables: [Arc<dyn Table>; 2] = [Arc::new(MemoryTable::new()), Arc::new(MemoryTable::new())];
    let entries: Vec<_> = (0..5_000).map(|number| (Name::Last(key(number)), Position(number))).collect();
    let backward = entries.iter().rev().copied().collect();
    let [one, other] = tables;
    let one = Archive::new(one).and_then(|empty| empty.with(entries)).expect("a table in memory");
    let other = Archive::new(other).and_then(|empty| empty.with(backward)).expect("a table in memory");
    assert_eq!(one.ids(), other.ids());
    assert_eq!(one.entries(), 5_000);
}
