//! What the tests and the check promise about themselves: nothing is left out without a word.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use quittance_tests::asked::Asked;
use quittance_tests::sdk::major_and_minor;

/// Lost if this fails: a flag in front of its value makes the power cuts and the browser disappear from a run that succeeds.
#[test]
fn a_flag_and_its_value_leave_no_test_out() {
    for (line, runs) in [
        ("", true),
        ("--test-threads 4", true),
        ("--test-threads=4", true),
        ("--skip flood", true),
        ("--skip=flood --nocapture -q", true),
        ("-Z unstable-options --format json", true),
        ("--color never --logfile there", true),
        ("--include-ignored", true),
        ("door", true),
        ("powercut door", true),
        ("doo", true),
        ("--exact door", true),
        ("--show-output door", true),
        ("--exact doo", false),
        ("powercut", false),
        ("--skip door", false),
        ("--skip=doo", false),
        ("door --skip door", false),
        ("--skip doo --exact", true),
        ("--ignored", false),
    ] {
        let asked = Asked::read(line.split_whitespace().map(str::to_owned));
        assert_eq!(asked.wants("door"), runs, "{line:?}");
    }
    assert!(Asked::read(["--list".to_owned(), "door".to_owned()]).list);
}

/// Lost if this fails: an SDK fails in a place of its own under a tool that is too old for it, and nobody is told why.
#[test]
fn versions_are_compared_as_numbers() {
    for (said, is) in [
        ("v20.20.2\n", Some((20, 20))),
        ("Python 3.11.7\n", Some((3, 11))),
        ("Python 3.9.2", Some((3, 9))),
        ("10.8.2", Some((10, 8))),
        ("Python 3.15.0rc1", Some((3, 15))),
        ("v8", None),
        ("none", None),
    ] {
        assert_eq!(major_and_minor(said), is, "{said:?}");
    }
}

/// Lost if this fails: what a fuzzer once found comes back, and no test run says so.
#[test]
fn every_fuzz_target_has_seeds_that_an_ordinary_test_run_replays() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let targets = names(&root.join("fuzz/fuzz_targets"));
    assert!(targets.len() > 8, "{targets:?}");
    assert_eq!(names(&root.join("fuzz/corpus")), targets, "seeds and targets");
    let manifest = read(&root.join("fuzz/Cargo.toml"));
    let replays: String = ["engine", "adapters"]
        .iter()
        .flat_map(|layer| entries(&root.join(layer)))
        .map(|package| package.join("tests/fuzz_replay.rs"))
        .filter(|path| path.exists())
        .map(|path| read(&path))
        .collect();
    for target in targets {
        assert!(manifest.contains(&format!("\nname = \"{target}\"\n")), "cargo fuzz does not know {target}");
        assert!(replays.contains(&format!("(\"{target}\", ")), "no fuzz_replay.rs replays {target}");
    }
}

fn names(folder: &Path) -> BTreeSet<String> {
    let stem = |path: PathBuf| path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    entries(folder).into_iter().map(stem).collect()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = folder.read_dir().unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries.map(|entry| entry.expect("an entry").path()).collect()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
