use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use quittance_tests::faults::{Fault, Injected, Tracer};
use quittance_tests::here;
use quittance_tests::process::{Here, Server};
use quittance_tests::till::Till;
use tempfile::TempDir;

use crate::{Counts, NOT_REACHED, Table};

const HERE: Here = here!();
/// How long a node may take to stop, by itself or when it is asked to: one that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(30);
/// A deposit, and payments from create to confirm.
const STEPS: usize = 7;
/// Places a call and an error, in an ordinary run.
const SAMPLE: usize = 1;

/// What a node did under a fault.
struct Life {
    till: Till,
    /// When each step was begun, and whether it was acknowledged.
    steps: Vec<(u128, bool)>,
    /// Whether it came so far as to serve.
    served: bool,
    /// Whether it ended before it was asked to.
    by_itself: bool,
    code: i32,
    log: String,
}

/// The system tells of a lost write once. A node that went on after that would acknowledge what no disk has.
pub(crate) fn a_failed_sync_latches_the_node() {
    let place = TempDir::new().expect("a directory");
    let data = place.path().join("data");
    let tracer = Tracer::new(&data);
    // The committer's fifth: in the middle of the dealing.
    let fault = Fault { call: "fdatasync", error: "EIO", nth: 5 };
    let life = live(&tracer, Some(fault), &data);
    let injected = tracer.injected();
    assert!(injected.iter().any(Injected::is_of_the_log), "no sync failed; the node logged:\n{}", life.log);
    nothing_is_acknowledged_after_a_failed_sync(fault, &injected, &life);
    assert!(life.served && life.by_itself && life.code == 1, "the node went on; it logged:\n{}", life.log);
    assert!(
        life.steps.last().is_some_and(|(_, acked)| !acked),
        "the step that was not synced was acknowledged"
    );
    for said in
        ["append failed: no more acknowledgements", "Input/output error", "\"hint\":\"see to the disk"]
    {
        assert!(
            life.log.contains(said),
            "the operator does not hear {said:?}; the node logged:\n{}",
            life.log
        );
    }
    check(&data, life.till, fault);
}

pub(crate) fn run(all: bool) -> (Table, Counts) {
    let counts: Counts = {
        let place = TempDir::new().expect("a directory");
        let data = place.path().join("data");
        let tracer = Tracer::new(&data);
        let life = live(&tracer, None, &data);
        assert_eq!(life.code, 0, "without a fault: {}", life.log);
        tracer.counts()
    };
    let mut table = Table::default();
    for mut fault in crate::faults(&counts, if all { usize::MAX } else { SAMPLE }) {
        if !all {
            // The first calls of a start are the log's own, which are tried without a node around it.
            fault.nth = counts[fault.call].div_ceil(2);
        }
        let place = TempDir::new().expect("a directory");
        let data = place.path().join("data");
        let tracer = Tracer::new(&data);
        let life = live(&tracer, Some(fault), &data);
        let injected = tracer.injected();
        nothing_is_acknowledged_after_a_failed_sync(fault, &injected, &life);
        table.count(fault, outcome(fault, &injected, &life));
        check(&data, life.till, fault);
    }
    (table, counts)
}

fn live(tracer: &Tracer, fault: Option<Fault>, data: &Path) -> Life {
    let mut till = Till::new(1);
    let mut steps = Vec::new();
    let mut command = tracer.command(fault, &[]);
    let mut server = match Server::launch(command.arg(HERE.binary), data) {
        Ok(server) => server,
        Err(ended) => {
            let (code, log) = (ended.code, ended.stderr);
            return Life { till, steps, served: false, by_itself: true, code, log };
        }
    };
    while steps.len() < STEPS {
        let begun = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock past 1970").as_micros();
        let acked = till.step(server.address()).is_ok();
        steps.push((begun, acked));
        if !acked {
            break;
        }
    }
    // One that was refused something is about to end; give it the time to do so by itself.
    let refused = steps.iter().any(|(_, acked)| !acked);
    let mut ended = server.ended_within(if refused { PATIENCE } else { Duration::ZERO });
    let by_itself = ended.is_some();
    if ended.is_none() {
        server.ask_to_stop();
        ended = server.ended_within(PATIENCE);
    }
    let log = server.log();
    let code = ended.unwrap_or_else(|| panic!("{fault:?}: the node hangs; it logged:\n{log}"));
    Life { till, steps, served: true, by_itself, code, log }
}

fn nothing_is_acknowledged_after_a_failed_sync(fault: Fault, injected: &[Injected], life: &Life) {
    for failed in injected.iter().filter(|failed| failed.is_of_the_log()) {
        let late = life.steps.iter().find(|(begun, acked)| *acked && *begun > failed.at);
        assert!(
            late.is_none(),
            "{fault}: {} failed, acknowledged later; the node logged:\n{}",
            failed.line,
            life.log
        );
    }
}

fn outcome(fault: Fault, injected: &[Injected], life: &Life) -> &'static str {
    let Life { served, by_itself, code, log, .. } = life;
    if injected.is_empty() {
        assert_eq!(*code, 0, "{fault}: nothing failed; the node logged:\n{log}");
        return NOT_REACHED;
    }
    let clear = log.lines().any(|line| line.starts_with("{\"error\":") && line.contains("\"message\":\""));
    match (code, served) {
        (0, true) => "went on",
        (1 | 2 | 5, _) if clear => match (served, by_itself) {
            (false, _) => "did not start, with an error",
            (true, true) => "stopped with an error",
            (true, false) => "an error when it was stopped",
        },
        _ => panic!("{fault}: ended with {code}; the node logged:\n{log}"),
    }
}

/// The disk works again: what was acknowledged is in a log that verifies, and the node goes on.
fn check(data: &Path, mut till: Till, fault: Fault) {
    let server = Server::launch(&mut Command::new(HERE.binary), data)
        .unwrap_or_else(|ended| panic!("{fault}: does not start again: {}", ended.stderr));
    till.finish(server.address()).unwrap_or_else(|error| panic!("{fault}: started again: {error}"));
    till.check(server.address(), 0).unwrap_or_else(|error| panic!("{fault}: started again: {error}"));
    server.stop();
    let reached = HERE.verify(data)["last_position"].as_u64();
    assert!(Some(till.last_position()) <= reached, "{fault}: the log ends at {reached:?}");
}
