//! What people see, in a real browser: every script of `tests/browser` is a case, with a node and a browser of its own.
//!
//! Needs node, npm and Chromium (Debian: `apt-get install chromium`); without Chromium it says that it was skipped, and in CI it
//! fails. Pictures of every page are left in the directory that is named at the end, or in `QUITTANCE_SHOTS`.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use quittance_tests::asked::{self, Missing};
use quittance_tests::process::{Here, run_within};
use quittance_tests::{here, sdk};

const HERE: Here = here!();
/// How long one script may take; it ends itself before.
const SCRIPT: Duration = Duration::from_secs(330);

fn main() -> ExitCode {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("browser");
    let scripts = scripts(&directory);
    assert!(!scripts.is_empty(), "there are no scripts in {}", directory.display());
    let names: Vec<String> = scripts.iter().map(|script| name(script)).collect();
    let asked = asked::cases("browser", &names);
    if asked.is_empty() {
        return ExitCode::SUCCESS;
    }
    let scripts = scripts.into_iter().filter(|script| asked.contains(&name(script)));
    let Some(chromium) = chromium() else {
        let what = "there is no Chromium here (Debian: apt-get install chromium)".to_owned();
        return Missing { what, is_permitted: true }.skips("browser");
    };
    let modules = sdk::browser(&HERE);
    let shots = env::var_os("QUITTANCE_SHOTS")
        .map_or_else(|| Path::new(HERE.scratch).join("browser-pictures"), PathBuf::from);
    let mut code = ExitCode::SUCCESS;
    for script in scripts {
        let began = Instant::now();
        let mut node = Command::new("node");
        node.arg(&script)
            .env("QUITTANCE_BINARY", HERE.binary)
            .env("QUITTANCE_MODULES", &modules)
            .env("QUITTANCE_SHOTS", &shots)
            .env("CHROMIUM", &chromium);
        let ran = run_within(&mut node, SCRIPT);
        let (name, took) = (name(&script), began.elapsed().as_secs());
        if ran.code == 0 {
            println!("browser: {name}: passed in {took} s");
        } else {
            println!("browser: {name}: FAILED after {took} s\n{}{}", ran.stdout, ran.stderr);
            code = ExitCode::FAILURE;
        }
    }
    println!("browser: pictures in {}", shots.display());
    code
}

/// The scripts in the order of their names; what they share is in a directory below.
fn scripts(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("the directory of the scripts");
    let paths = entries.map(|entry| entry.expect("an entry of the directory of the scripts").path());
    let mut scripts: Vec<_> = paths.filter(|path| path.extension().is_some_and(|end| end == "mjs")).collect();
    scripts.sort();
    scripts
}

fn name(script: &Path) -> String {
    script.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// By its names in Debian, elsewhere, and as `CHROMIUM` has it.
fn chromium() -> Option<PathBuf> {
    if let Some(path) = env::var_os("CHROMIUM") {
        return Some(path.into());
    }
    let path = env::var_os("PATH")?;
    let mut places = env::split_paths(&path).flat_map(|directory| {
        ["chromium", "chromium-browser", "google-chrome"].map(|name| directory.join(name))
    });
    places.find(|place| place.is_file())
}
