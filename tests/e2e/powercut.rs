//! The power is cut under the log, under a backup of one, and under a whole node that deals: what was acknowledged is on
//! the disk.
//!
//! Each disk is cut twice. Needs root, loop devices, mkfs.ext4 and python3; without them it says that it was skipped. How many trials is
//! `QUITTANCE_POWERCUT_TRIALS`.

use std::env;
use std::path::Path;
use std::process::{Command, ExitCode};

use quittance_tests::examples;

/// What `tests/powercut/powercut` ends with where it cannot cut anything.
const SKIPPED: i32 = 77;
const TRIALS: &str = "10";

fn main() -> ExitCode {
    // A name, or `--list`, asks for tests that have names.
    if env::args().skip(1).any(|argument| argument == "--list" || !argument.starts_with('-')) {
        println!("powercut: left out, because other tests were asked for");
        return ExitCode::SUCCESS;
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
        match cut(&program, longest) {
            Some(0) => println!("powercut: {what}: nothing acknowledged was lost"),
            Some(SKIPPED) => println!("powercut: {what}: SKIPPED, the line above says what is missing"),
            ended => {
                println!("powercut: {what}: FAILED ({ended:?})");
                code = ExitCode::FAILURE;
            }
        }
    }
    code
}

fn cut(program: &Path, longest: &str) -> Option<i32> {
    let trials = env::var("QUITTANCE_POWERCUT_TRIALS").unwrap_or_else(|_| TRIALS.to_owned());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("powercut/powercut");
    let program = program.display();
    let (write, check) =
        (format!("'{program}' write {{dir}} {{ack}}"), format!("'{program}' check {{dir}} {{acked}}"));
    let ran = Command::new("python3")
        .arg(script)
        .args([
            "--trials", &trials, "--rounds", "2", "--min-s", "0.3", "--max-s", longest, "--write", &write,
            "--check", &check,
        ])
        .status();
    match ran {
        Ok(status) => status.code(),
        Err(error) => {
            println!("powercut: python3 does not run: {error}");
            Some(SKIPPED)
        }
    }
}
