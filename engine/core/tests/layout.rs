//! What may depend on what, and that no test file is forgotten.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Everything the core is built from, directly or not, for any platform. Each is here because a person read it and agreed:
/// an addition is a decision, not an accident.
const CORE: &[&str] = &[
    "arrayvec",
    "bincode",
    "bincode_derive",
    "blake3",
    "block-buffer",
    "bs58",
    "cfg-if",
    "constant_time_eq",
    "cpufeatures",
    "crypto-common",
    "curve25519-dalek",
    "curve25519-dalek-derive",
    "digest",
    "ed25519",
    "ed25519-dalek",
    "fiat-crypto",
    "hybrid-array",
    "libc",
    "proc-macro2",
    "quote",
    "sha2",
    "signature",
    "subtle",
    "syn",
    "typenum",
    "unicode-ident",
    "unty",
    "virtue",
    "zeroize",
];

/// The one adapter that may know the others.
const BINARY: &str = "quittance-cli";
const DOOR: &str = "quittance-outbound";

/// The workspace's packages with the names of their normal dependencies.
fn normal_dependencies() -> BTreeMap<String, (String, BTreeSet<String>)> {
    let metadata = metadata(&["--no-deps"]);
    let names = |package: &Value| {
        let normal = package["dependencies"].as_array().into_iter().flatten().filter(|d| d["kind"].is_null());
        normal.filter_map(|dependency| dependency["name"].as_str().map(str::to_owned)).collect()
    };
    let packages = metadata["packages"].as_array().into_iter().flatten();
    packages
        .map(|package| {
            let text = |field: &str| package[field].as_str().expect("a text").to_owned();
            (text("name"), (text("manifest_path"), names(package)))
        })
        .collect()
}

fn cargo(arguments: &[&str]) -> Vec<u8> {
    let run = Command::new(env!("CARGO"))
        .args(arguments)
        .arg("--locked")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(run.status.success(), "cargo {arguments:?}: {}", String::from_utf8_lossy(&run.stderr));
    run.stdout
}

fn metadata(arguments: &[&str]) -> Value {
    let arguments = [&["metadata", "--format-version=1"], arguments].concat();
    serde_json::from_slice(&cargo(&arguments)).expect("metadata is JSON")
}

#[test]
fn the_core_is_built_from_these_and_nothing_else() {
    let tree =
        ["tree", "-p", "quittance-core", "-e", "normal", "--target", "all", "--prefix", "none", "-f", "{p}"];
    let text = String::from_utf8(cargo(&tree)).expect("names are text");
    let names: BTreeSet<_> = text.lines().filter_map(|line| line.split(' ').next()).collect();
    let expected: BTreeSet<_> = CORE.iter().copied().chain(["quittance-core"]).collect();
    assert_eq!(names, expected, "whoever audits the core has to read what was added");
}

#[test]
fn arrows_point_inwards_so_that_the_core_can_be_replayed_without_the_rest() {
    let packages = normal_dependencies();
    let adapters: BTreeSet<_> = packages
        .iter()
        .filter(|(_, (path, _))| path.contains("/adapters/"))
        .map(|(name, _)| name.as_str())
        .collect();
    assert!(adapters.contains(BINARY) && adapters.len() > 4, "the packages were found: {adapters:?}");
    for (name, (_, dependencies)) in &packages {
        let ours: Vec<_> = dependencies.iter().filter(|other| packages.contains_key(*other)).collect();
        let allowed = |other: &&String| match name.as_str() {
            "quittance-core" => false,
            "quittance-runtime" => other.as_str() == "quittance-core",
            BINARY => !other.starts_with("quittance-tests"),
            // The one door out: it knows nothing of the others, and those that call somebody go through it.
            DOOR => false,
            name if adapters.contains(name) => other.as_str() == DOOR || !adapters.contains(other.as_str()),
            _ => true,
        };
        let wrong: Vec<_> = ours.into_iter().filter(|other| !allowed(other)).collect();
        assert!(wrong.is_empty(), "{name} must not depend on {wrong:?}");
    }
}

#[test]
fn every_test_file_is_part_of_the_binary_or_it_silently_never_runs() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let main = include_str!("main.rs");
    for entry in folder.read_dir().expect("the folder is there") {
        let path = entry.expect("an entry").path();
        let (Some(stem), true) =
            (path.file_stem().and_then(|s| s.to_str()), path.extension().is_some_and(|e| e == "rs"))
        else {
            continue;
        };
        assert!(stem == "main" || main.contains(&format!("mod {stem};")), "{stem}.rs is not in main.rs");
    }
}
