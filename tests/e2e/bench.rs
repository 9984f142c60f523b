//! `quittance bench` as a program reads it: every figure is there and adds up. How fast anything is, no test says.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use quittance_tests::here;
use quittance_tests::process::{Here, run_within, text};
use serde_json::Value;

const HERE: Here = here!();
/// A quick run takes some seconds; this is a debug build on a busy machine.
const PATIENCE: Duration = Duration::from_secs(240);

/// The names that programs ask for, each with what it is measured against.
const FIGURES: &[(&str, &[&str])] = &[
    ("memory.resident", &[]),
    ("memory.per_open_intent", &[]),
    ("restart.scan", &[]),
    ("restart.ready", &["restart.scan"]),
    ("verify.few", &[]),
    ("settled.few", &["verify.few"]),
    ("verify.many", &[]),
    ("settled.many", &["verify.many", "settled.few"]),
    ("settled.memory", &[]),
    ("settled.open", &[]),
    ("settled.restart", &[]),
    ("raw.append.1", &[]),
    ("raw.append.16", &[]),
    ("raw.append.128", &[]),
    ("raw.append.1024", &[]),
    ("raw.grow.1", &["raw.append.1"]),
    ("raw.grow.16", &["raw.append.16"]),
    ("raw.grow.128", &["raw.append.128"]),
    ("raw.grow.1024", &["raw.append.1024"]),
    ("sled.append.1", &["raw.append.1"]),
    ("sled.append.16", &["raw.append.16"]),
    ("sled.append.128", &["raw.append.128"]),
    ("sled.append.1024", &["raw.append.1024"]),
    ("store.append.1", &["sled.append.1", "raw.append.1"]),
    ("store.append.16", &["sled.append.16", "raw.append.16"]),
    ("store.append.128", &["sled.append.128", "raw.append.128"]),
    ("store.append.1024", &["sled.append.1024", "raw.append.1024"]),
    ("verify.one_core", &[]),
    ("verify.all_cores", &[]),
    ("raw.deposits", &[]),
    ("sled.deposits", &["raw.deposits"]),
    ("engine.deposits", &["raw.deposits", "sled.deposits"]),
    ("commit.deposits", &[]),
    ("raw.reports", &[]),
    ("sled.reports", &["raw.reports"]),
    ("engine.reports", &["raw.reports", "sled.reports"]),
    ("commit.reports", &[]),
    ("verify.lifecycles", &[]),
    ("raw.lifecycles", &[]),
    ("sled.lifecycles", &["raw.lifecycles"]),
    ("engine.lifecycles", &["verify.lifecycles", "raw.lifecycles", "sled.lifecycles"]),
    ("commit.lifecycles", &[]),
    ("disk.frames_per_intent", &[]),
    ("disk.per_intent", &["disk.frames_per_intent"]),
    ("raw.round_trips", &[]),
    ("sled.round_trips", &["raw.round_trips"]),
    ("engine.round_trips", &["sled.round_trips", "raw.round_trips"]),
    ("replay.scan", &[]),
    ("replay.events", &["replay.scan"]),
    ("replay.verify", &[]),
    ("replay.signatures", &["replay.verify"]),
    ("latency.deposits.sync", &[]),
    ("latency.deposits.peak", &[]),
    ("latency.deposits.p50", &["latency.deposits.sync"]),
    ("latency.deposits.p99", &["latency.deposits.sync"]),
    ("latency.deposits.p999", &["latency.deposits.sync"]),
    ("latency.creates.sync", &[]),
    ("latency.creates.peak", &[]),
    ("latency.creates.p50", &["latency.creates.sync"]),
    ("latency.creates.p99", &["latency.creates.sync"]),
    ("latency.creates.p999", &["latency.creates.sync"]),
    ("overload.peak", &[]),
    ("overload.offered", &["overload.peak"]),
    ("overload.goodput", &["overload.peak"]),
    ("overload.resident_at_peak", &[]),
    ("overload.resident", &["overload.resident_at_peak"]),
];

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is not a number"))
}

fn is(found: f64, expected: f64) -> bool {
    (found - expected).abs() <= expected.abs() * 1e-9
}

fn bench(dir: &Path, arguments: &[&str]) -> quittance_tests::process::Ran {
    let mut command = Command::new(HERE.binary);
    command.args(["bench", "--quick", "--data"]).arg(dir).args(arguments);
    run_within(&mut command, PATIENCE)
}

/// The figures by name, after checking that each adds up.
fn checked(report: &Value) -> BTreeMap<String, Value> {
    let figures = report["figures"].as_array().expect("figures");
    let by_name: BTreeMap<_, _> =
        figures.iter().map(|figure| (text(&figure["name"]), figure.clone())).collect();
    assert_eq!(by_name.len(), figures.len(), "a name is one figure");
    for (name, figure) in &by_name {
        let samples: Vec<_> = figure["samples"].as_array().expect("samples").iter().map(number).collect();
        assert!(!samples.is_empty() && samples.iter().all(|sample| *sample > 0.0), "{name}: {samples:?}");
        assert!(!text(&figure["unit"]).is_empty() && !text(&figure["what"]).is_empty(), "{name}: {figure}");
        let (median, min, max) = (number(&figure["median"]), number(&figure["min"]), number(&figure["max"]));
        assert!(min <= median && median <= max, "{name}: {figure}");
        for end in [min, max] {
            assert!(samples.iter().any(|sample| is(*sample, end)), "{name}: {end} is no sample");
        }
        for against in figure["against"].as_array().expect("a list") {
            let bound = &by_name[&text(&against["name"])];
            assert!(is(number(&against["median"]), number(&bound["median"])), "{name}: {against}");
            assert!(is(number(&against["ratio"]), median / number(&bound["median"])), "{name}: {against}");
        }
    }
    by_name
}

#[test]
fn every_figure_is_there_with_what_bounds_it() {
    let directory = tempfile::tempdir_in(HERE.scratch).expect("a directory");
    let ran = bench(directory.path(), &["--json"]);
    let report = ran.json();
    assert_eq!(ran.stderr, "", "a program reads one object and nothing else");
    assert_eq!(report["schema"], 1);
    assert_eq!(report["program"]["name"], "quittance");
    assert!(number(&report["machine"]["cores"]) >= 1.0, "{}", report["machine"]);
    for fact in ["cpu", "system", "kernel", "file_system"] {
        assert!(!text(&report["machine"][fact]).is_empty(), "{fact} of {}", report["machine"]);
    }
    let warned = report["warnings"].to_string();
    assert!(warned.contains("quick"), "rough figures are called rough: {warned}");
    let figures = checked(&report);
    let unavailable: Vec<_> = report["unavailable"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|missing| text(&missing["name"]))
        .collect();
    for (name, against) in FIGURES {
        let Some(figure) = figures.get(*name) else {
            let of_memory = name.starts_with("memory.") || name.starts_with("overload.resident");
            assert!(of_memory && unavailable.iter().any(|missing| missing == name), "{name} is missing");
            continue;
        };
        let found: Vec<_> =
            figure["against"].as_array().expect("a list").iter().map(|bound| text(&bound["name"])).collect();
        assert_eq!(&found, against, "what {name} is measured against");
    }
    assert!(
        figures.keys().all(|name| FIGURES.iter().any(|(known, _)| known == name)),
        "all are in this list"
    );
    let left: Vec<_> = fs::read_dir(directory.path()).expect("the directory").collect();
    assert!(left.is_empty(), "it cleans up after itself: {left:?}");
}

#[test]
fn people_get_a_table_and_see_how_far_it_has_come() {
    let directory = tempfile::tempdir_in(HERE.scratch).expect("a directory");
    let ran = bench(directory.path(), &["--only", "replay,verify", "--runs", "3"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    for part in ["medians of 3 runs", "against", "ratio", "verify_strict on all cores", "replay.verify"] {
        assert!(ran.stdout.contains(part), "{part} is missing:\n{}", ran.stdout);
    }
    assert!(!ran.stdout.contains("raw file"), "only what was asked for:\n{}", ran.stdout);
    for part in ["measuring on", "verify: run 3 of 3", "replay: run 1 of 3"] {
        assert!(ran.stderr.contains(part), "{part} is missing:\n{}", ran.stderr);
    }
}

#[test]
fn what_cannot_be_measured_is_said_before_anything_is_written() {
    let directory = tempfile::tempdir_in(HERE.scratch).expect("a directory");
    let nowhere = directory.path().join("nowhere");
    let ran = bench(&nowhere, &[]);
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    assert!(
        ran.stderr.contains("nowhere is not a directory") && ran.stderr.contains("try:"),
        "{}",
        ran.stderr
    );
    assert!(!nowhere.exists());
    for (arguments, word) in [
        (["--only", "speed"], "round-trips"),
        (["--runs", "0"], "1..=100"),
        (["--open", "0"], "1..=10000000"),
    ] {
        let ran = bench(directory.path(), &arguments);
        assert_eq!(ran.code, 2, "{arguments:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(word), "{arguments:?} does not say what is allowed: {}", ran.stderr);
    }
}

#[cfg(unix)]
#[test]
fn a_measurement_that_is_told_to_stop_leaves_nothing_behind() {
    let directory = tempfile::tempdir_in(HERE.scratch).expect("a directory");
    let mut child = Command::new(HERE.binary)
        .args(["bench", "--quick", "--runs", "100", "--data"])
        .arg(directory.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let deadline = Instant::now() + PATIENCE;
    let is_empty = || fs::read_dir(directory.path()).expect("the directory").next().is_none();
    while is_empty() {
        assert!(Instant::now() < deadline, "it never begins");
        std::thread::sleep(Duration::from_millis(5));
    }
    let asked = Command::new("sh").args(["-c", &format!("kill -TERM {}", child.id())]).status();
    assert!(asked.expect("a shell").success(), "it ended by itself");
    let status = loop {
        if let Some(status) = child.try_wait().expect("our own child") {
            break status;
        }
        if Instant::now() > deadline {
            let _ = child.kill();
            panic!("it does not stop");
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    assert_eq!(status.code(), Some(1), "whoever waits for figures learns that there are none");
    assert!(is_empty(), "gigabytes may be left on a disk");
}
