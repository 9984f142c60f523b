//! What the fuzzer was given and what it found, again, in every ordinary test run.

#[path = "../../../fuzz/targets/core.rs"]
mod targets;

use std::fs;
use std::path::Path;

fn check(target: &str, run: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let mut count = 0;
    for entry in folder.read_dir().expect("the corpus is there") {
        let path = entry.expect("an entry").path();
        let bytes = fs::read(&path).expect("a file");
        // Shown by the test runner only if what follows panics.
        println!("{}", path.display());
        run(&bytes);
        count += 1;
    }
    assert!(count > 0, "{target}: an empty corpus proves nothing");
}

#[test]
fn inputs_that_once_broke_a_record_do_not_break_it_again() {
    check("record_decode", targets::record_decode);
}

#[test]
fn inputs_that_once_broke_a_frame_do_not_break_it_again() {
    check("frame_decode", targets::frame_decode);
}

#[test]
fn inputs_that_once_broke_a_payment_do_not_break_it_again() {
    check("payment_decode", targets::payment_decode);
}

#[test]
fn histories_that_once_broke_the_rules_do_not_break_them_again() {
    check("lifecycle", targets::lifecycle);
}

#[test]
fn old_records_that_once_broke_the_upcast_do_not_break_it_again() {
    check("upcast", targets::upcast);
}

#[test]
fn snapshots_that_once_broke_the_loader_do_not_break_it_again() {
    check("snapshot_decode", targets::snapshot_decode);
}

#[test]
fn changed_logs_that_once_went_unnoticed_are_noticed() {
    check("replay", targets::replay);
}
