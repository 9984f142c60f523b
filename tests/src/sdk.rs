//! The official SDKs, unmodified and pinned, installed once and kept for later runs.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::process::{Here, run_within};

/// Versions and hashes of every package; an installation is reused as long as these stay.
const PACKAGE: &str = include_str!("../sdk/package.json");
const PACKAGE_LOCK: &str = include_str!("../sdk/package-lock.json");
const BROWSER_PACKAGE: &str = include_str!("../browser/package.json");
const BROWSER_PACKAGE_LOCK: &str = include_str!("../browser/package-lock.json");
const REQUIREMENTS: &str = include_str!("../sdk/requirements.txt");
const GRPC_REQUIREMENTS: &str = include_str!("../sdk/requirements-grpc.txt");

/// How long one step of an installation may take on a slow line.
const INSTALL: Duration = Duration::from_secs(600);

/// The JavaScript packages: the path of their `node_modules`.
///
/// # Panics
/// node or npm is missing, or the packages cannot be had.
#[must_use]
pub fn javascript(here: &Here) -> PathBuf {
    let node = node();
    version("npm", (0, 0), "npm, which comes with Node.js");
    let recipe = [("package.json", PACKAGE), ("package-lock.json", PACKAGE_LOCK)];
    let directory = installed(here, "sdk-javascript", &recipe, &node, |directory| vec![npm(directory)]);
    directory.join("node_modules")
}

/// What drives a browser, and the elements as they are published: the directory that has their `node_modules`.
///
/// # Panics
/// As [`javascript`].
#[must_use]
pub fn browser(here: &Here) -> PathBuf {
    let node = node();
    version("npm", (0, 0), "npm, which comes with Node.js");
    let recipe = [("package.json", BROWSER_PACKAGE), ("package-lock.json", BROWSER_PACKAGE_LOCK)];
    installed(here, "browser", &recipe, &node, |directory| vec![npm(directory)])
}

/// A Python that has the packages.
///
/// # Panics
/// python3 or its venv module is missing, or the packages cannot be had.
#[must_use]
pub fn python(here: &Here) -> PathBuf {
    python_with(here, "sdk-python", REQUIREMENTS)
}

/// A Python with gRPC, and with the conformance cases for WebSockets.
///
/// # Panics
/// As [`python`].
#[must_use]
pub fn python_grpc(here: &Here) -> PathBuf {
    python_with(here, "sdk-python-grpc", GRPC_REQUIREMENTS)
}

fn python_with(here: &Here, name: &str, requirements: &str) -> PathBuf {
    let python = version(
        "python3",
        (3, 11),
        "Python 3.11 or later with the venv module (Debian: python3 python3-venv)",
    );
    let directory = installed(here, name, &[("requirements.txt", requirements)], &python, |directory| {
        let mut venv = Command::new("python3");
        venv.args(["-m", "venv", "venv"]).current_dir(directory);
        let mut pip = Command::new(directory.join("venv/bin/python"));
        pip.args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--require-hashes",
            "--requirement",
            "requirements.txt",
        ]);
        pip.current_dir(directory);
        vec![venv, pip]
    });
    directory.join("venv/bin/python")
}

fn npm(directory: &Path) -> Command {
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(directory);
    npm
}

/// The directory of an installation that was finished with this very recipe, made now if there is none. One test process at a
/// time looks; the others wait.
fn installed(
    here: &Here,
    name: &str,
    recipe: &[(&str, &str)],
    tool: &str,
    commands: impl FnOnce(&Path) -> Vec<Command>,
) -> PathBuf {
    let directory = Path::new(here.scratch).join(name);
    fs::create_dir_all(here.scratch).expect("the scratch directory");
    let lock = File::create(directory.with_extension("lock")).expect("a lock file in the scratch directory");
    lock.lock().expect("the lock of the SDK installation");
    let done = directory.join("installed");
    let whole: String = recipe.iter().map(|(_, text)| *text).chain([tool]).collect();
    if fs::read_to_string(&done).is_ok_and(|text| text == whole) {
        return directory;
    }
    if directory.exists() {
        fs::remove_dir_all(&directory).expect("an old installation can be removed");
    }
    fs::create_dir_all(&directory).expect("a directory for the packages");
    for (file, text) in recipe {
        fs::write(directory.join(file), text).expect("a file in the directory for the packages");
    }
    for mut command in commands(&directory) {
        let ran = run_within(&mut command, INSTALL);
        assert_eq!(ran.code, 0, "the SDKs cannot be installed ({command:?}):\n{}{}", ran.stdout, ran.stderr);
    }
    fs::write(done, whole).expect("a mark in the directory of the packages");
    directory
}

fn node() -> String {
    version("node", (20, 0), "Node.js 20 or later (https://nodejs.org)")
}

/// What a tool says its version is, which has to be at least this one.
fn version(tool: &str, least: (u32, u32), install: &str) -> String {
    let why = match Command::new(tool).arg("--version").output() {
        Ok(output) if output.status.success() => {
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            if major_and_minor(&said).is_some_and(|version| version >= least) {
                return said;
            }
            format!("is {:?} here", said.trim())
        }
        _ => "does not run here".to_owned(),
    };
    panic!(
        "`{tool}` {why}. This test runs an official SDK: install {install}, or name the tests that need none: \
         `cargo test -p quittance-tests --test cli --test bad_input --test kill --test powercut`"
    )
}

/// `v20.20.2`, `Python 3.11.7`, `10.8.2`: the first two numbers.
#[must_use]
pub fn major_and_minor(said: &str) -> Option<(u32, u32)> {
    let version = said.trim().rsplit([' ', 'v']).next()?;
    let mut numbers = version.split('.').map_while(|number| number.parse().ok());
    numbers.next().zip(numbers.next())
}
