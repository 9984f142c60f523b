//! The power is cut under the log, under a backup of one, and under a whole node that deals: what was acknowledged is on
//! the disk.
//!
//! Each disk is cut twice. Needs root, loop devices, mkfs.ext4 and python3; without them it says that it was skipped. How many trials is
//! `QUITTANCE_POWERCUT_TRIALS`.

use std::env;
use std::path::Path;
use std::process::{Command, ExitCode, ExitStatus};

use quittance_tests::asked::{self, Missing};
use quittance_tests::disk::Disk;
use quittance_tests::examples;

const TRIALS: &str = "10";

fn main() -> ExitCode {
    if !asked::for_test("powercut") {
        return ExitCode::SUCCESS;
    }
    if let Some(missing) = Disk::is_missing() {
        return missing.skips("powercut");
    }
    if let Err(error) = Command::new("python3").arg("--version").output() {
        let what = format!("python3 does not run: {error}");
        return Missing { what, is_permitted: true }.skips("powercut");
    }
    let node = Path::new(env!("CARGO_BIN_EXE_powercut-node"));
    let trials = [
        ("the whole node", Some(node.to_owned()), "1.2"),
        ("the log alone", examples::of_the_log(), "0.8"),
        ("a backup", examples::of_the_files(), "0.8"),
    ];
    let mut code = ExitCode::SUCCESS;
    for (what, program, longest) in trials {
        let Some(program) = program else {
            println!("powercut: {what}: its example does not build");
            return ExitCode::FAILURE;
        };
        // A disk has just been mounted here, so that nothing is an excuse from now on.
        let ended = cut(&program, longest);
        if ended.success() {
            println!("powercut: {what}: nothing acknowledged was lost");
        } else {
            println!("powercut: {what}: FAILED ({ended})");
            code = ExitCode::FAILURE;
        }
    }
    code
}

fn cut(program: &Path, longest: &str) -> ExitStatus {
    let trials = env::var("QUITTANCE_POWERCUT_TRIALS").unwrap_or_else(|_| TRIALS.to_owned());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("powercut/powercut");
    let program = program.display();
    let (write, check) =
        (format!("'{program}' write {{dir}} {{ack}}"), format!("'{program}' check {{dir}} {{acked}}"));
    Command::new("python3")
        .arg(script)
        .args([
            "--trials", &trials, "--rounds", "2", "--min-s", "0.3", "--max-s", longest, "--write", &write,
            "--check", &check,
        ])
        .status()
        .expect("python3, which has just run")
}
