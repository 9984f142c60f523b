//! The pages' JavaScript without a browser: one byte off, and a page shows a code that no phone can pay.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use quittance_tests::process::{Here, run_within};
use quittance_tests::{here, sdk};

const HERE: Here = here!();
/// For tables that take no time, in a process that takes a second to start on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);
/// Some hundred and fifty pictures, of a fifth of a second each on a machine that has nothing else to do.
const PICTURES: Duration = Duration::from_secs(600);

#[test]
fn the_pages_draw_sign_and_read_what_the_official_packages_do() {
    check("lib.test.mjs", 17, PATIENCE, |node| node);
}

/// The codes are made by a package of its own, which shares nothing with the reader.
#[test]
fn the_wallet_reads_codes_off_bad_pictures_and_none_where_there_is_none() {
    let modules = sdk::browser(&HERE);
    check("scan.test.mjs", 10, PICTURES, |node| node.env("QUITTANCE_MODULES", modules));
}

/// Runs the tables of a script, of which there are at least as many.
fn check(name: &str, tables: usize, patience: Duration, with: impl FnOnce(&mut Command) -> &mut Command) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("pages").join(name);
    let mut node = Command::new("node");
    let ran = run_within(with(node.args(["--test", "--test-reporter=tap"]).arg(&script)), patience);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    let passed = ran.stdout.lines().find_map(|line| line.strip_prefix("# pass ")?.parse::<usize>().ok());
    assert!(passed.is_some_and(|passed| passed >= tables), "node ran too few: {}{}", ran.stdout, ran.stderr);
}
