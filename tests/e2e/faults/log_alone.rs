use std::fs;
use std::path::Path;
use std::time::Duration;

use quittance_tests::examples;
use quittance_tests::faults::{Fault, Injected, Tracer};
use quittance_tests::process::{Ran, run as run_command, run_within};
use tempfile::TempDir;

use crate::{Counts, NOT_REACHED, Table};

/// How long a short life of a log may take: a program that waits longer hangs.
const PATIENCE: Duration = Duration::from_secs(30);
/// Places a call and an error, in an ordinary run.
const SAMPLE: usize = 3;

/// What the program wrote down outside the disk that fails.
#[derive(Default)]
struct Noted {
    /// When each opening succeeded.
    opened: Vec<u128>,
    /// Position, beginning and end of each append that succeeded.
    acked: Vec<(u64, u128, u128)>,
}

pub(crate) fn run(all: bool) -> (Table, Counts) {
    let program = examples::of_the_log().expect("the log's example builds");
    let (counts, snapshots) = {
        let place = TempDir::new().expect("a directory");
        let tracer = Tracer::new(&place.path().join("store"));
        let (ran, noted) = steps(&program, place.path(), &mut tracer.command_for_all());
        assert_eq!((ran.code, noted.acked.len()), (0, 10), "without a fault: {}", ran.stderr);
        let snapshots = tracer.snapshots();
        let (ran, _) = {
            fs::remove_dir_all(place.path().join("store")).expect("the store goes");
            steps(&program, place.path(), &mut tracer.command(None, &snapshots))
        };
        assert_eq!(ran.code, 0, "traced without a fault: {}", ran.stderr);
        (tracer.counts(), snapshots)
    };
    let mut table = Table::default();
    for fault in crate::faults(&counts, if all { usize::MAX } else { SAMPLE }) {
        let place = TempDir::new().expect("a directory");
        let tracer = Tracer::new(&place.path().join("store"));
        let (ran, noted) = steps(&program, place.path(), &mut tracer.command(Some(fault), &snapshots));
        let injected = tracer.injected();
        nothing_is_acknowledged_after_a_failed_sync(fault, &injected, &noted);
        let outcome = outcome(fault, &injected, &ran, &noted);
        let acked = noted.acked.last().map_or(0, |(position, ..)| *position);
        let checked = run_command(
            std::process::Command::new(&program)
                .arg("check")
                .arg(place.path().join("store"))
                .arg(acked.to_string()),
        );
        assert_eq!(
            checked.code, 0,
            "{fault}: opened again, acknowledged was {acked}: {}\nbefore: {}\n{injected:?}",
            checked.stderr, ran.stderr
        );
        table.count(fault, outcome);
    }
    (table, counts)
}

fn steps(program: &Path, place: &Path, command: &mut std::process::Command) -> (Ran, Noted) {
    let ack = place.join("ack");
    let _ = fs::remove_file(&ack);
    let ran = run_within(command.arg(program).arg("steps").arg(place.join("store")).arg(&ack), PATIENCE);
    let mut noted = Noted::default();
    for line in fs::read_to_string(&ack).unwrap_or_default().lines() {
        let mut words = line.split(' ').skip(1).filter_map(|word| word.parse::<u128>().ok());
        match (words.next(), words.next(), words.next()) {
            (Some(at), None, None) => noted.opened.push(at),
            (Some(position), Some(from), Some(to)) => {
                noted.acked.push((position.try_into().expect("a position"), from, to));
            }
            other => panic!("{line}: {other:?}"),
        }
    }
    (ran, noted)
}

/// Until the log is opened again: opening syncs what is there and reads it back.
fn nothing_is_acknowledged_after_a_failed_sync(fault: Fault, injected: &[Injected], noted: &Noted) {
    for failed in injected.iter().filter(|failed| failed.is_of_the_log()) {
        let reopened = noted.opened.iter().find(|opened| **opened > failed.at).copied().unwrap_or(u128::MAX);
        let late = noted.acked.iter().find(|(_, from, to)| *to > failed.at && *from < reopened);
        assert!(late.is_none(), "{fault}: {} failed at {}, acknowledged: {late:?}", failed.line, failed.at);
    }
}

fn outcome(fault: Fault, injected: &[Injected], ran: &Ran, noted: &Noted) -> &'static str {
    if injected.is_empty() {
        assert_eq!(ran.code, 0, "{fault}: nothing failed: {}", ran.stderr);
        return NOT_REACHED;
    }
    match ran.code {
        0 => {
            assert_eq!(noted.acked.len(), 10, "{fault}: ended as if nothing were missing");
            "went on"
        }
        1 => {
            let said = ran.stderr.lines().any(|line| line.starts_with("powercut: ") && line.len() > 20);
            assert!(said, "{fault}: ended without a clear error: {}", ran.stderr);
            if noted.opened.is_empty() { "did not open" } else { "stopped with an error" }
        }
        code => panic!("{fault}: ended with {code}: {}\n{injected:?}", ran.stderr),
    }
}
