//! The pages' JavaScript against nodes that answer late, wrong or not at all. If this breaks, a payer is told that nothing was paid
//! and pays again, or a busy node is asked for nothing a thousand times a second.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use quittance_tests::process::run_within;

/// Some seconds of pauses, in a process that takes one to start on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

#[test]
fn the_pages_say_what_the_node_has_confirmed_and_give_it_time() {
    let flows = Path::new(env!("CARGO_MANIFEST_DIR")).join("pages/flows.test.mjs");
    let mut node = Command::new("node");
    node.arg("--test").arg(&flows);
    let ran = run_within(&mut node, PATIENCE);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains("# fail 0"), "node ran no tests: {}{}", ran.stdout, ran.stderr);
}
