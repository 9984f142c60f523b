//! Every byte of a log's directory changes once: by one bit, and altogether. Whoever opens the log finds it whole, or is refused,
//! or hears what is missing; nobody gets another log.
//!
//! An ordinary run takes a sample; with `QUITTANCE_FLIPS=all` every byte has its turn, but for the filling between sled's
//! messages, of which there are millions and one a page is tried. `TMPDIR=/dev/shm` makes that much faster.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::Path;

use quittance_runtime::log::LogError;
use tempfile::TempDir;

use crate::support::{NODE, content, copy, crashed, logged, replay, write_log};

/// Bytes that are tried in an ordinary run, for each store.
const SAMPLE: usize = 45;
/// In the filling, one byte of so many.
const PAGE: usize = 4096;

#[test]
fn no_changed_byte_of_a_log_that_was_closed_gives_another_log() {
    let store = TempDir::new().unwrap();
    write_log(store.path(), NODE, &[1, 7, 1]);
    // The second opening makes sled write a snapshot, and the rest of the log follows behind it.
    write_log(store.path(), NODE, &[1, 3, 1, 9, 1, 1]);
    let frames = replay(store.path()).unwrap();
    flip(store.path(), &|found, said| match found {
        Ok(found) if found == frames && said.is_empty() => "whole",
        Ok(found) if found == frames => "whole, with a warning",
        Err(LogError::Lost { .. } | LogError::Damaged { .. } | LogError::Store { .. }) => "refused",
        other => panic!("{:?}, logged {said:?}", other.map(|frames| frames.len())),
    });
}

/// Here the tip file lags behind: rot in the last append cannot be told from a torn end, and is cut with a warning.
#[test]
fn no_changed_byte_of_a_log_that_was_not_closed_gives_another_log_or_a_shorter_one_without_a_word() {
    let crashed = crashed(&[1, 3, 1, 9, 1, 2]);
    let frames = &crashed.frames;
    assert_eq!(crashed.ends.len() + 2, frames.len(), "a frame for each append, and two from before");
    flip(crashed.dir.path(), &|found, said| match found {
        Ok(found) if found == *frames && said.is_empty() => "whole",
        Ok(found) if found == *frames => "whole, with a warning",
        Ok(found)
            if frames.starts_with(&found) && found.len() + 2 >= frames.len() && said.contains("torn") =>
        {
            "the last append cut, with a warning"
        }
        Err(LogError::Lost { .. } | LogError::Damaged { .. } | LogError::Store { .. }) => "refused",
        other => panic!("{:?} of {} frames, logged {said:?}", other.map(|found| found.len()), frames.len()),
    });
}

type Outcome<'a> = &'a dyn Fn(Result<Vec<Vec<u8>>, LogError>, &str) -> &'static str;

/// Changes the bytes of every file in turn, and opens the log to append each time.
fn flip(sound: &Path, outcome: Outcome) {
    let all = env::var("QUITTANCE_FLIPS").is_ok_and(|wanted| wanted == "all");
    let place = TempDir::new().unwrap();
    let mut table = BTreeMap::<String, BTreeMap<&str, usize>>::new();
    let files: Vec<_> = content(sound).into_iter().filter_map(|(path, bytes)| Some((path, bytes?))).collect();
    let bytes: usize = files.iter().map(|(_, bytes)| live(bytes).len()).sum();
    println!("{bytes} bytes");
    let step = if all { 1 } else { bytes / SAMPLE };
    let mut count = 0;
    for (path, bytes) in &files {
        let name = path.strip_prefix(sound).unwrap();
        for at in live(bytes) {
            count += 1;
            if count % step != 0 {
                continue;
            }
            for mask in [1 << (at % 8), 0xFF] {
                let changed = place.path().join("changed");
                copy(sound, &changed);
                let mut bytes = bytes.clone();
                bytes[at] ^= mask;
                fs::write(changed.join(name), bytes).unwrap();
                let (found, said) = logged(|| replay(&changed));
                let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| outcome(found, &said)));
                let found = found.unwrap_or_else(|_| panic!("{} byte {at} mask {mask}", name.display()));
                *table.entry(name.display().to_string()).or_default().entry(found).or_default() += 1;
                fs::remove_dir_all(&changed).unwrap();
            }
        }
    }
    for (name, outcomes) in &table {
        println!("{name}: {outcomes:?}");
    }
    let refused = table.values().filter_map(|outcomes| outcomes.get("refused")).sum::<usize>();
    assert!(refused > 10, "{refused} refused: the test no longer tests much");
}

/// The places of bytes that say something, and of one in every page of the filling.
fn live(bytes: &[u8]) -> Vec<usize> {
    let filling = |at: usize| {
        let around = &bytes[at.saturating_sub(32)..bytes.len().min(at + 32)];
        around.iter().all(|byte| *byte == bytes[at])
    };
    (0..bytes.len())
        .filter(|at| at % PAGE == 0 || (bytes[*at] != 0 || !filling(*at)) && !filling(*at))
        .collect()
}
