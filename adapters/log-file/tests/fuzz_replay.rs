//! What the fuzzer was given for exports and backups and what it found, again, in every ordinary test run.

#[path = "../../../fuzz/targets/files.rs"]
mod targets;

#[test]
fn files_that_once_broke_the_reader_do_not_break_it_again() {
    replay("log_file", targets::log_file);
}

fn replay(target: &str, run: fn(&[u8])) {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let inputs: Vec<_> =
        folder.read_dir().expect("the corpus").map(|entry| entry.expect("an entry").path()).collect();
    assert!(!inputs.is_empty(), "an empty corpus proves nothing");
    for path in inputs {
        println!("{}", path.display());
        run(&std::fs::read(&path).expect("a file"));
    }
}
