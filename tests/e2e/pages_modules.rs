//! The pages' JavaScript without a browser: one byte off, and a page shows a code that no phone can pay.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use quittance_tests::process::run_within;

/// There are at least as many.
const TABLES: usize = 17;
/// All of them in a process that takes a second to start on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

#[test]
fn the_pages_draw_sign_and_read_what_the_official_packages_do() {
    let modules = Path::new(env!("CARGO_MANIFEST_DIR")).join("pages/lib.test.mjs");
    let mut node = Command::new("node");
    node.args(["--test", "--test-reporter=tap"]).arg(&modules);
    let ran = run_within(&mut node, PATIENCE);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    let passed = ran.stdout.lines().find_map(|line| line.strip_prefix("# pass ")?.parse::<usize>().ok());
    assert!(passed.is_some_and(|passed| passed >= TABLES), "node ran too few: {}{}", ran.stdout, ran.stderr);
}
