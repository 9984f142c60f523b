//! Programs that cargo builds with the tests of other packages, and not with these.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

/// The embedded log's own writer and checker.
#[must_use]
pub fn of_the_log() -> Option<PathBuf> {
    example("quittance-log-sled", "powercut")
}

/// The writer and checker of the log as plain files.
#[must_use]
pub fn of_the_files() -> Option<PathBuf> {
    example("quittance-log-file", "powercut-file")
}

fn example(package: &str, name: &str) -> Option<PathBuf> {
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--package", package, "--example", name, "--message-format=json"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .ok()?;
    let lines = String::from_utf8_lossy(&built.stdout).into_owned();
    let artifact = lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let example = artifact
        .filter(|line| line["target"]["kind"][0] == "example")
        .find_map(|line| line["executable"].as_str().map(PathBuf::from));
    example.filter(|_| built.status.success())
}
