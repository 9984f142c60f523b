//! What the fuzzer was given for the protocol and what it found, again, in every ordinary test run.

#[path = "../../../fuzz/targets/code_api.rs"]
mod targets;

#[test]
fn inputs_that_once_broke_an_envelope_do_not_break_it_again() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/envelope_decode");
    let inputs: Vec<_> =
        folder.read_dir().expect("the corpus").map(|entry| entry.expect("an entry").path()).collect();
    assert!(!inputs.is_empty(), "an empty corpus proves nothing");
    for path in inputs {
        println!("{}", path.display());
        targets::envelope_decode(&std::fs::read(&path).expect("a file"));
    }
}
