//! What the fuzzer was given for the protocol and what it found, again, in every ordinary test run.

#[path = "../../../fuzz/targets/strangers.rs"]
mod strangers;
#[path = "../../../fuzz/targets/submissions.rs"]
mod submissions;
#[path = "../../../fuzz/targets/code_api.rs"]
mod targets;

#[test]
fn inputs_that_once_broke_an_envelope_do_not_break_it_again() {
    replay("envelope_decode", targets::envelope_decode);
}

#[test]
fn inputs_that_once_broke_a_submission_do_not_break_it_again() {
    replay("submit_actions", submissions::submit_actions);
}

#[test]
fn what_strangers_once_broke_they_do_not_break_again() {
    replay("strangers_decode", strangers::strangers_decode);
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
