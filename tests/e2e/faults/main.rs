//! Every call by which the log reaches its disk fails once, as a dying or full disk lets it fail: nothing is acknowledged
//! after a failed sync, the program ends with a clear error or goes on unharmed, and whoever opens the log afterwards finds
//! everything that was acknowledged.
//!
//! An ordinary run takes a sample; with `QUITTANCE_FAULTS=all` every call fails in its turn. Needs strace and the permission to
//! trace; without them it says that it was skipped.

mod log_alone;
mod node;

use std::collections::BTreeMap;
use std::env;
use std::process::ExitCode;

use quittance_tests::asked;
use quittance_tests::faults::{CALLS, ERRORS, Fault, Tracer};

fn main() -> ExitCode {
    if !asked::for_test("faults") {
        return ExitCode::SUCCESS;
    }
    if let Some(missing) = Tracer::is_missing() {
        return missing.skips("faults");
    }
    node::a_failed_sync_latches_the_node();
    println!("faults: a sync that fails stops the node, and nothing is acknowledged after it");
    let all = env::var("QUITTANCE_FAULTS").is_ok_and(|wanted| wanted == "all");
    for (what, run) in
        [("the log alone", log_alone::run as fn(bool) -> (Table, Counts)), ("the whole node", node::run)]
    {
        let (table, counts) = run(all);
        table.print();
        table.demand(what, &counts);
        println!("faults: {what}: {} calls failed, nothing acknowledged was lost", table.failed());
    }
    ExitCode::SUCCESS
}

/// How often a program makes each call as long as nothing fails.
type Counts = BTreeMap<&'static str, usize>;

/// What came of a fault that no call was made to meet: another run makes a few calls less.
const NOT_REACHED: &str = "not reached";

/// What came of the faults, by call and error.
#[derive(Default)]
struct Table(BTreeMap<(&'static str, &'static str), BTreeMap<&'static str, usize>>);

impl Table {
    fn count(&mut self, fault: Fault, outcome: &'static str) {
        *self.0.entry((fault.call, fault.error)).or_default().entry(outcome).or_default() += 1;
    }

    fn failed(&self) -> usize {
        self.0.values().map(failed).sum()
    }

    /// At least one of each call that is made was made to fail: otherwise nothing was tried.
    fn demand(&self, what: &str, counts: &Counts) {
        assert!(counts.contains_key("fdatasync"), "{what}: the trace saw no sync at all: {counts:?}");
        for (call, count) in counts {
            let of_it = self.0.iter().filter(|((fault, _), _)| fault == call);
            let failed: usize = of_it.map(|(_, outcomes)| failed(outcomes)).sum();
            assert!(failed > 0, "{what}: {call} is made {count} times and was never made to fail");
        }
    }

    fn print(&self) {
        for ((call, error), outcomes) in &self.0 {
            let outcomes: Vec<_> =
                outcomes.iter().map(|(outcome, count)| format!("{count} {outcome}")).collect();
            println!("  {call:<16} {error:<7} {}", outcomes.join(", "));
        }
    }
}

/// How many of these were calls that failed.
fn failed(outcomes: &BTreeMap<&'static str, usize>) -> usize {
    outcomes.iter().filter(|(outcome, _)| **outcome != NOT_REACHED).map(|(_, count)| count).sum()
}

/// Faults at `most` places for each call and error, spread over all of them; `counts` says how often a call is made.
fn faults(counts: &Counts, most: usize) -> Vec<Fault> {
    let mut faults = Vec::new();
    for call in CALLS {
        let count = counts.get(call).copied().unwrap_or_default();
        for error in ERRORS {
            let some = count.min(most);
            // The first, the last, and what lies evenly between.
            faults.extend((0..some).map(|index| {
                let nth = if some > 1 { 1 + index * (count - 1) / (some - 1) } else { 1 };
                Fault { call, error, nth }
            }));
        }
    }
    faults
}
